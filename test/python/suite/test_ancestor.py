"""Runs what the documentation of the ancestor shows, as it stands there."""

import os
import re
import textwrap

from harness import Case, client, put

# What the examples are about.
VALUE = {'FOO': 'bar', 'TEST': 'me'}


def examples():
    with open(os.environ['ANCESTOR_README'], encoding='utf-8') as file:
        text = file.read()
    blocks = re.findall(r'^\.\. code:: python\n\n((?:  .*\n|\n)+)', text, re.M)
    return [textwrap.dedent(block) for block in blocks if 'SecretsManager(' in block]


class Examples(Case):
    def run_example(self, number, **names):
        client()
        scope = {'os': os, **names}
        exec(compile(examples()[number], f'example {number}', 'exec'), scope)
        return scope

    def setUp(self):
        super().setUp()
        put('MySecret', VALUE)
        for name in ('SECRET', *VALUE):
            os.environ.pop(name, None)

    def test_there_are_three(self):
        self.assertEqual(len(examples()), 3)

    def test_basic_usage(self):
        for env in ([], ['SECRET=MySecret'], ['SECRET=X_*=MySecret']):
            self.agent(*env)
            scope = self.run_example(0)
            self.assertEqual((scope['foo'], scope['test']), ('bar', 'me'))
            self.assertEqual((scope['secret']['FOO'], os.environ['TEST']), ('bar', 'me'))
            for name in ('SECRET', *VALUE):
                del os.environ[name]

    def test_decorator(self):
        self.agent()
        source = examples()[1].replace('def handler(event, context)\n', 'def handler(event, context):\n')  # its slip
        before, _, call = source.partition('# Assuming')
        scope = {'os': os}
        client()
        exec(compile(before, 'decorator', 'exec'), scope)
        put('MySecret', {'FOO': 'new'})
        exec(compile('# Assuming' + call, 'event', 'exec'), scope)
        self.assertEqual((scope['secret']['FOO'], os.environ['FOO'], scope['secret']['TEST']), ('new', 'new', None))
        self.assertNotIn('TEST', os.environ)

    def test_overrides(self):
        self.agent()
        scope = self.run_example(2)
        called = []
        handler = scope['secret'](lambda event, context: called.append(event))
        put('MySecret', {'FOO': 'newer'})
        event = {'source': 'secretsmanager', 'detail-type': 'Secret Rotation', 'detail': {'secretId': 'MySecret'}}
        self.assertTrue(handler(event, {})['changed'])
        self.assertEqual((called, scope['secret']['FOO']), ([], 'newer'))
