import copy
import os
import pickle
import sys

from harness import CANARY, Case, client, control, put


class Mapping(Case):
    def test_entries_keep_their_types_and_variables_their_spelling(self):
        text = (
            '{"TEXT":"a\\u00e9 \\"q\\"\\n","INT":42,"BIG":12345678901234567890123,"FLOAT":1.50,"EXP":1E+2,"MINUS":-0,"YES":true,'
            '"NO":false,"NULL":null,"EMPTY":"","LIST":[1, 2.0 ,"a \\" b"],"OBJECT":{ "k" : [ ] , "s":"x  y" },"LONE":"a\\ud800b",'
            '"PAIR":"\\ud83d\\ude00","db-password":"x","PATH":"/evil","LD_PRELOAD":"evil","NUL":"a\\u0000b","1ST":"x",'
            '"":"x","\\u00c9T\\u00c9":"x","PYTHONPATH":"evil","AWS_SESSION_TOKEN":"evil"}'
        )
        path, python = os.environ['PATH'], os.environ['PYTHONPATH']
        token = os.environ.get('AWS_SESSION_TOKEN')
        secret = self.manager(text)
        self.assertEqual(secret['INT'], 42)
        self.assertEqual(secret['BIG'], 12345678901234567890123)
        self.assertEqual(secret['FLOAT'], 1.5)
        self.assertIs(secret['YES'], True)
        self.assertIsNone(secret['NULL'])
        self.assertEqual(secret['LIST'], [1, 2.0, 'a " b'])
        self.assertEqual(secret['db-password'], 'x')
        self.assertEqual(secret['PATH'], '/evil')
        for name, want in {
            'TEXT': 'aé "q"\n',
            'INT': '42',
            'BIG': '12345678901234567890123',
            'FLOAT': '1.50',
            'EXP': '1E+2',
            'MINUS': '-0',
            'YES': 'true',
            'NO': 'false',
            'NULL': '',
            'EMPTY': '',
            'LIST': '[1,2.0,"a \\" b"]',
            'OBJECT': '{"k":[],"s":"x  y"}',
            'LONE': 'a\ufffdb',
            'PAIR': '😀',
            'PATH': path,
            'PYTHONPATH': python,
            'AWS_SESSION_TOKEN': token,
        }.items():
            self.assertEqual(os.environ.get(name), want, name)
        for name in ('db-password', 'LD_PRELOAD', 'NUL', '1ST', '', 'ÉTÉ'):
            self.assertNotIn(name, os.environ)

    def test_spelling_is_that_of_the_endpoint(self):
        text = '{"A":[1.0, 1e5,{"x" : null}],"B":"\\u007f\\ud800","C":-0.0,"D":"\\/","E":{"\\u00e9" : "\\u00e9\\\\"},"F":"","A":7.10}'
        put(self.name, text)
        self.agent(f'SECRET={self.name}')
        client().SecretsManager(self.name)
        ours = {name: os.environ[name] for name in 'ABCDEF'}
        process = sys.modules['aws_secretsmanager._process'].process
        self.assertEqual(ours, process.configured)

    def test_is_a_mapping(self):
        secret = self.manager({'A': 'x', 'B': 2})
        self.assertIsNone(secret['MISSING'])
        self.assertIsNone(secret.get('MISSING'))
        self.assertEqual(secret.get('MISSING', 'else'), 'else')
        self.assertEqual(secret.get('A'), 'x')
        self.assertIn('A', secret)
        self.assertNotIn('MISSING', secret)
        self.assertEqual(sorted(secret), ['A', 'B'])
        self.assertEqual(sorted(secret.keys()), ['A', 'B'])
        self.assertEqual(sorted(map(str, secret.values())), ['2', 'x'])
        self.assertEqual(dict(secret), {'A': 'x', 'B': 2})
        self.assertEqual({**secret}, {'A': 'x', 'B': 2})
        self.assertEqual(secret, {'A': 'x', 'B': 2})
        self.assertEqual(len(secret), 2)
        with self.assertRaises(TypeError):
            secret['A'] = 'y'
        with self.assertRaises(TypeError):
            del secret['A']

    def test_shows_no_value(self):
        secret = self.manager({'PASSWORD': CANARY, 'OTHER': [CANARY]})
        process = sys.modules['aws_secretsmanager._process'].process
        for shown in (secret, secret.items(), secret.values(), secret.keys(), *process.records.values(), process):
            self.assertNotIn(CANARY, f'{shown!r} {shown!s} {shown}')
        self.assertIn('PASSWORD', repr(secret))
        for copied in (pickle.dumps, copy.copy, copy.deepcopy):
            with self.assertRaises(TypeError):
                copied(secret)
        with self.assertRaises(TypeError):
            vars(secret)


class Sources(Case):
    def test_by_arn_and_partial_arn(self):
        arn, _ = put(self.name, {'A': 'x'})
        self.agent()
        for id in (arn, arn[:-7], self.name):
            os.environ.pop('A', None)
            self.assertEqual(client().SecretsManager(id)['A'], 'x')
            self.assertEqual(os.environ['A'], 'x')

    def test_name_of_any_characters(self):
        name = self.name + '/_+=.@-!'
        put(name, {'A': 'x'})
        self.agent()
        self.assertEqual(client().SecretsManager(name)['A'], 'x')

    def test_variable_that_names_the_secret(self):
        put(self.name, {'A': 'x'})
        self.agent()
        for key, options, env in (
            ('SECRET', {}, {}),
            ('MY_KEY', {'secrets_key': 'MY_KEY'}, {}),
            ('OTHER', {}, {'SECRETS_KEY': 'OTHER'}),
        ):
            os.environ.pop('A', None)
            os.environ.update(env)
            os.environ[key] = self.name
            self.assertEqual(dict(client().SecretsManager(**options)), {'A': 'x'})
            self.assertEqual(os.environ.pop('A'), 'x')
            del os.environ[key]

    def test_references(self):
        put(self.name + '/db', {'user': 'app', 'port': 5432, 'PATH': 'x'})
        put(self.name + '/api', 'plain text')
        put(self.name + '/more', '{"A": 1.0, "user": "other"}')
        references = f'DB_*={self.name}/db, API={self.name}/api PORT={self.name}/db#port\n{self.name}/more#A {self.name}/more'
        os.environ['SECRET'] = references
        for named in (True, False):  # whether the extension has the same references
            for name in ('DB_user', 'DB_port', 'API', 'PORT', 'A', 'user'):
                os.environ.pop(name, None)
            self.agent(f'SECRET={references}' if named else 'SECRET=')
            secret = client().SecretsManager()
            want = {'DB_user': 'app', 'DB_port': 5432, 'DB_PATH': 'x', 'API': 'plain text', 'PORT': 5432, 'A': 1.0, 'user': 'other'}
            self.assertEqual(dict(secret), want)
            variables = {name: os.environ[name] for name in want}
            self.assertEqual(variables, {name: str(value) for name, value in want.items()})

    def test_only_the_extension_knows(self):
        put(self.name, {'A': 1})
        self.agent(f'SECRET={self.name}')
        secret = client().SecretsManager()
        self.assertEqual(dict(secret), {'A': '1'})
        self.assertEqual(os.environ['A'], '1')

    def test_nothing_is_named(self):
        self.agent()
        secret = client().SecretsManager()
        self.assertEqual(dict(secret), {})
        self.assertIsNone(secret['A'])

    def test_several(self):
        put(self.name + '/a', {'A': 'x', 'BOTH': 'a'})
        put(self.name + '/b', {'B': 'y', 'BOTH': 'b'})
        put(self.name + '/c', {'C': 'z'})
        self.agent(f'SECRET={self.name}/c')
        package = client()
        a, b = package.SecretsManager(self.name + '/a'), package.SecretsManager(self.name + '/b')
        self.assertEqual((dict(a), dict(b)), ({'A': 'x', 'BOTH': 'a'}, {'B': 'y', 'BOTH': 'b'}))
        self.assertEqual([os.environ[name] for name in ('A', 'B', 'C', 'BOTH')], ['x', 'y', 'z', 'b'])

    def test_values_that_are_no_object(self):
        for value in ('plain', '[1]', '"x"', '1', 'null', 'NaN', '{"A":NaN}', '[' * 100_000):
            put(self.name, value)
            self.agent()
            self.assertEqual(dict(client().SecretsManager(self.name)), {})

    def test_binary(self):
        control('binary', b'\x00\xff', name=self.name)
        self.agent()
        self.assertEqual(dict(client().SecretsManager(self.name)), {})
        os.environ['SECRET'] = f'BYTES={self.name}'
        self.assertEqual(client().SecretsManager()['BYTES'], b'\x00\xff')
        self.assertNotIn('BYTES', os.environ)
        control('binary', b'text', name=self.name)
        self.agent()
        self.assertEqual(client().SecretsManager()['BYTES'], b'text')
        self.assertEqual(os.environ['BYTES'], 'text')

    def test_name_that_is_no_string(self):
        with self.assertRaises(TypeError):
            client().SecretsManager(7)

    def test_large_value(self):
        secret = self.manager({'BLOB': 'é' * 32_000})
        self.assertEqual(secret['BLOB'], 'é' * 32_000)
        self.assertEqual(os.environ['BLOB'], 'é' * 32_000)
