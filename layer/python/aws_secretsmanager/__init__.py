"""Keeps the secrets of a Lambda function current. The layer's extension has the values; this is its client.

    from aws_secretsmanager import SecretsManager

    secret = SecretsManager('MySecret')   # or SecretsManager(): what the variable SECRET names

    @secret                               # answers rotation events, hands on all others
    def handler(event, context):
        connect(password=secret['PASSWORD'])   # or os.environ['PASSWORD']

Where no extension runs, in a unit test, a JSON object in the variable SECRETS_FAKE is used in place of the secret.
"""

from ._endpoint import RotationError, SecretsError
from .secretsmanager import SecretsManager

__all__ = ['RotationError', 'SecretsError', 'SecretsManager']
