"""Reads a value while it is imported."""

import os

from aws_secretsmanager import SecretsManager

secret = SecretsManager()
at_import = secret['PASSWORD']


def handler(event, context):  # without the decorator
    entry = secret['PASSWORD']
    return {'import': at_import, 'environ': os.environ.get('PASSWORD'), 'entry': entry, 'event': event, 'invocations': 1}
