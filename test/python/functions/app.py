"""What the tests invoke: says what it sees, at import and in each invocation."""

import os
import sys

from aws_secretsmanager import SecretsManager

at_start = sorted(sys.modules)
secret = SecretsManager('MySecret')
at_import = os.environ.get('PASSWORD')
invocations = 0


@secret
def handler(event, context):
    global invocations
    invocations += 1
    return {
        'import': at_import,
        'environ': os.environ.get('PASSWORD'),
        'entry': secret['PASSWORD'],
        'event': event,
        'invocations': invocations,
        'repr': repr(secret),
        'heavy': [name for name in ('boto3', 'http.client', 'urllib.request', 'asyncio', 'socket') if name in at_start],
    }
