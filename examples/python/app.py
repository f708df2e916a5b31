"""A function whose password is current: in `secret`, and in os.environ for code that looks there."""

from aws_secretsmanager import SecretsManager

secret = SecretsManager('prod/db')


@secret
def handler(event, context):
    return {'order': event['order'], 'paid by': connect(secret['user'], secret['password'])}


def connect(user, password):
    if not password:
        raise PermissionError('no password')
    return user
