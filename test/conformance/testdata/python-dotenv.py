"""Prints as a JSON object what python-dotenv reads from a file."""

import json
import sys

import dotenv

json.dump(dotenv.dotenv_values(sys.argv[1]), sys.stdout)
