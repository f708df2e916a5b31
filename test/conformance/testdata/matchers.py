"""Prints, for each line of questions, what the Python client makes of an event."""

import json
import sys

sys.path.insert(0, sys.argv[1])

from aws_secretsmanager._event import Recogniser  # noqa: E402

for line in sys.stdin:
    question = json.loads(line)
    found = Recogniser(*question['options']).find(question['event'])
    if isinstance(found, tuple):
        found = {'rotations': [{'secretId': found[0], 'versionId': found[1]}]}
    elif found is not None:
        found = {'event': found}
    print(json.dumps(found))
