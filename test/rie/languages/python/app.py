"""Says what a function in Python has of its secret, at its import and now."""

import os
import urllib.request

from aws_secretsmanager import SecretsManager

IMPORTED = os.environ.get('DB_password')
calls = 0


def plain(event, context):
    global calls
    calls += 1
    if 'echo' in event:
        return event
    url = 'http://127.0.0.1:%s/v1/prod/db?key=password' % os.environ['PARAMETERS_SECRETS_EXTENSION_HTTP_PORT']
    request = urllib.request.Request(url, headers={'X-Aws-Parameters-Secrets-Token': os.environ['AWS_SESSION_TOKEN']})
    with urllib.request.urlopen(request) as answer:
        endpoint = answer.read().decode()
    return {'imported': IMPORTED, 'now': os.environ.get('DB_password'), 'endpoint': endpoint, 'calls': calls}


client = SecretsManager()(plain)
