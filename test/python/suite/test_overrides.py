import json
import os

from harness import Case, Context, calls, custom, native, put

ROTATED = {'rotated': True, 'changed': True}


class Overrides(Case):
    options = {'rotation_source': 'my.app', 'rotation_detail_type': 'Renewed', 'rotation_detail_key': 'id'}

    def event(self, **more):
        return {'source': 'my.app', 'detail-type': 'Renewed', 'detail': {'id': self.name, **more}}

    def both(self, secret):
        handler, seen = calls(lambda event, context: 'handled')
        return secret(handler), seen

    def test_all_three(self):
        secret = self.manager({'A': 'one'}, **self.options)
        handler, seen = self.both(secret)
        _, version = put(self.name, {'A': 'two'})
        answer = handler(self.event(versionId=version), Context())
        self.assertEqual(answer, {**ROTATED, 'secretId': self.name, 'versionId': version})
        self.assertEqual((seen, secret['A'], os.environ['A']), ([], 'two', 'two'))
        self.assertEqual(handler({**self.event(), 'detail': {'id': self.name + '/other'}}, None), 'handled')
        self.assertEqual(handler(custom(self.name), None), 'handled')
        arn, version = put(self.name, {'A': 'three'})
        self.assertTrue(handler(native(self.name, arn, version), Context())['rotated'])
        self.assertEqual(secret['A'], 'three')

    def test_one_by_one(self):
        for option, event in (
            ('rotation_source', {**custom(self.name), 'source': 'my.app'}),
            ('rotation_detail_type', {**custom(self.name), 'detail-type': 'Renewed'}),
            ('rotation_detail_key', {**custom(self.name), 'detail': {'id': self.name}}),
        ):
            secret = self.manager({'A': 'one'}, **{option: self.options[option]})
            handler, seen = self.both(secret)
            put(self.name, {'A': 'two'})
            self.assertTrue(handler(event, Context())['changed'])
            self.assertEqual((seen, secret['A']), ([], 'two'))

    def test_in_batches(self):
        secret = self.manager({'A': 'one'}, **self.options)
        handler, seen = self.both(secret)
        arn, version = put(self.name, {'A': 'two'})
        mine, aws = json.dumps(self.event()), json.dumps(native(self.name, arn, version))
        self.assertTrue(handler({'Records': [{'body': mine}, {'Sns': {'Message': aws}}]}, Context())['rotated'])
        self.assertEqual(secret['A'], 'two')
        put(self.name, {'A': 'three'})
        self.assertTrue(handler({'Records': [{'body': json.dumps({'Message': mine})}]}, Context())['changed'])
        self.assertEqual((secret['A'], seen), ('three', []))
        order = json.dumps({'source': 'my.app', 'detail-type': 'Order', 'detail': {}})
        self.assertEqual(handler({'Records': [{'body': mine}, {'body': order}]}, Context()), 'handled')

    def test_by_the_variables_of_the_extension(self):
        env = {'SECRETS_ROTATION_SOURCE': 'my.app', 'SECRETS_ROTATION_DETAIL_TYPE': 'Renewed', 'SECRETS_ROTATION_DETAIL_KEY': 'id'}
        os.environ.update(env)
        secret = self.manager({'A': 'one'}, *(f'{name}={value}' for name, value in env.items()))
        handler, seen = self.both(secret)
        put(self.name, {'A': 'two'})
        self.assertTrue(handler(self.event(), Context())['changed'])
        put(self.name, {'A': 'three'})
        self.assertTrue(handler({'Records': [{'body': json.dumps(self.event())}]}, Context())['changed'])
        self.assertEqual(handler(custom(self.name), None), 'handled')
        self.assertEqual((secret['A'], len(seen)), ('three', 1))
