"""Prints, for each line with a text, the variables that the Python client makes of it."""

import json
import sys

sys.path.insert(0, sys.argv[1])

from aws_secretsmanager._spelling import spell  # noqa: E402

for line in sys.stdin:
    text = json.loads(line)
    print(json.dumps(spell(text, json.loads(text))))
