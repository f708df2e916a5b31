"""What the tests share: the account with its secrets, agents beside it, and clients as in a new process."""

import contextlib
import importlib
import io
import json
import logging
import os
import sys
import unittest
import urllib.parse
import urllib.request

CANARY = 'c4n4ry'
TOKEN = 'token-of-the-test'


class Context:
    """What Lambda gives a handler as its second argument."""

    def __init__(self, millis=10_000):
        self.millis = millis

    def get_remaining_time_in_millis(self):
        return self.millis


def control(path, body=b'', **query):
    url = f'{os.environ["CONTROL"]}/{path}?{urllib.parse.urlencode(query)}'
    with urllib.request.urlopen(urllib.request.Request(url, body, method='POST')) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def put(name, value):
    """Makes a new current version of a secret, of any JSON or of text, and returns its ARN and version."""
    text = value if isinstance(value, str) else json.dumps(value)
    made = control('put', text.encode(), name=name)
    return made['arn'], made['version']


def custom(name, **more):
    """The custom rotation event of the ancestor."""
    return {'source': 'secretsmanager', 'detail-type': 'Secret Rotation', 'detail': {'secretId': name, **more}}


def native(name, arn, version):
    """The event of Secrets Manager itself."""
    return {
        'version': '0',
        'id': 'f5d47c23-2f37-7632-254a-734323ff5208',
        'detail-type': 'Secret Label Updated',
        'source': 'aws.secretsmanager',
        'account': '123456789012',
        'time': '2030-01-01T00:00:00Z',
        'region': 'us-east-1',
        'resources': [arn],
        'detail': {'name': name, 'labelUpdated': 'AWSCURRENT', 'versionId': version},
    }


def client():
    """The package as a new process has it."""
    for name in [name for name in sys.modules if name.split('.')[0] == 'aws_secretsmanager']:
        del sys.modules[name]
    return importlib.import_module('aws_secretsmanager')


def wait_a_second():
    """Makes the next invocation one that renews, as after a second."""
    sys.modules['aws_secretsmanager._process'].process._asked = 0.0


class Case(unittest.TestCase):
    """A test with an environment of its own, whose secrets have names that no other test uses."""

    def setUp(self):
        environ = dict(os.environ)
        self.addCleanup(os.environ.update, environ)
        self.addCleanup(os.environ.clear)
        self.name = f'{type(self).__name__}/{self._testMethodName}'
        self.logged = io.StringIO()
        handler = logging.StreamHandler(self.logged)
        logger = logging.getLogger('aws_secretsmanager')
        logger.addHandler(handler)
        logger.setLevel('INFO')
        logger.propagate = False
        self.addCleanup(logger.removeHandler, handler)
        self.addCleanup(lambda: self.assertNotIn(CANARY, self.logged.getvalue()))
        self.addCleanup(lambda: self.close())

    def close(self):
        process = sys.modules.get('aws_secretsmanager._process')
        if process:
            process.process.endpoint.close()

    def agent(self, *env):
        """Starts a local agent, and tells this process of it. Returns its port."""
        started = control('agent', json.dumps(env).encode())
        os.environ['PARAMETERS_SECRETS_EXTENSION_HTTP_PORT'] = started['port']
        os.environ['AWS_TOKEN'] = started['token']
        return started['port']

    def manager(self, value=None, *env, **options):
        """The secret of this test with that value, an agent that holds it, and a SecretsManager."""
        put(self.name, {'PASSWORD': CANARY} if value is None else value)
        self.agent(f'SECRET={self.name}', *env)
        return client().SecretsManager(self.name, **options)

    @contextlib.contextmanager
    def refused(self, error, *words):
        """Expects an error of the client of a name, whose message has the words and no secret."""
        with self.assertRaises(Exception) as caught:
            yield caught
        self.assertEqual(type(caught.exception).__name__, error)
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertNotIn(CANARY, repr(caught.exception))


def calls(function):
    """A function that counts its calls, and that function's calls."""
    seen = []

    def counted(*args, **kwargs):
        seen.append((args, kwargs))
        return function(*args, **kwargs)

    return counted, seen
