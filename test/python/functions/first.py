"""Prints what the import of the client and the first value take, in milliseconds."""

from time import perf_counter

start = perf_counter()

from aws_secretsmanager import SecretsManager  # noqa: E402

secret = SecretsManager('MySecret')
value = secret['PASSWORD']
print(f'first value after {(perf_counter() - start) * 1000:.3f} ms', flush=True)
assert value


def handler(event, context):
    return None
