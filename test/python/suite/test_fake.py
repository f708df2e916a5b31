import os

from harness import CANARY, Case, Context, calls, client, custom


class Fake(Case):
    def setUp(self):
        super().setUp()
        os.environ['PARAMETERS_SECRETS_EXTENSION_HTTP_PORT'] = '1'

    def test_in_place_of_any_secret(self):
        os.environ['SECRETS_FAKE'] = '{"A": "x", "PORT": 5432.0, "PATH": "/evil"}'
        path = os.environ['PATH']
        for options in ({}, {'name': 'MySecret'}, {'secrets_key': 'OTHER'}):
            secret = client().SecretsManager(**options)
            self.assertEqual(dict(secret), {'A': 'x', 'PORT': 5432.0, 'PATH': '/evil'})
            self.assertEqual((os.environ.pop('A'), os.environ.pop('PORT'), os.environ['PATH']), ('x', '5432.0', path))

    def test_entry_with_the_name_of_a_secret(self):
        os.environ['SECRETS_FAKE'] = '{"prod/a": {"A": 1.0}, "prod/b": {"B": "y"}}'
        os.environ['SECRET'] = 'X_*=prod/a B=prod/b#B'
        package = client()
        a, both = package.SecretsManager('prod/a'), package.SecretsManager()
        self.assertEqual((dict(a), dict(both)), ({'A': 1.0}, {'X_A': 1.0, 'B': 'y'}))
        self.assertEqual([os.environ[name] for name in ('A', 'X_A', 'B')], ['1.0', '1.0', 'y'])

    def test_rotations_go_to_the_handler(self):
        os.environ['SECRETS_FAKE'] = '{"A": "x"}'
        secret = client().SecretsManager('MySecret')
        handler, seen = calls(lambda event, context: secret['A'])
        handler = secret(handler)
        for event in ({}, custom('MySecret')):
            self.assertEqual(handler(event, Context()), 'x')
        self.assertEqual(len(seen), 2)
        self.assertFalse(secret.refresh())

    def test_changes_with_the_variable(self):
        os.environ['SECRETS_FAKE'] = '{"A": "x", "B": "y"}'
        secret = client().SecretsManager()
        handler = secret(lambda event, context: (secret['A'], os.environ['A'], os.environ.get('B')))
        self.assertEqual(handler({}, None), ('x', 'x', 'y'))
        os.environ['SECRETS_FAKE'] = '{"A": "z"}'
        self.assertEqual(handler({}, None), ('z', 'z', None))
        del os.environ['SECRETS_FAKE']
        with self.refused('SecretsError', 'SECRETS_FAKE'):
            handler({}, None)

    def test_no_object(self):
        for text in (CANARY, '[]', '"x"', '{"A":'):
            os.environ['SECRETS_FAKE'] = text
            with self.refused('SecretsError', 'SECRETS_FAKE'):
                client().SecretsManager()

    def test_not_in_lambda(self):
        os.environ.update(SECRETS_FAKE='{"A": "x"}', AWS_LAMBDA_RUNTIME_API='127.0.0.1:1', AWS_TOKEN='t')
        with self.refused('SecretsError', 'is its layer attached'):
            client().SecretsManager()
        self.assertIn('SECRETS_FAKE is for tests', self.logged.getvalue())
