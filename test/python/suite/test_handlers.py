import asyncio
import functools
import inspect
import json
import os
import time
from collections.abc import Mapping

from harness import CANARY, Case, Context, calls, client, control, custom, native, put

ROTATED = {'rotated': True, 'changed': True}


class Decorator(Case):
    def test_any_arguments(self):
        secret = self.manager()
        for args, kwargs in (((), {}), (({'a': 1}, None), {}), (('text', 1, [2]), {}), (([],), {'event': {}}), ((), {'event': {}, 'context': None})):
            handler, seen = calls(lambda *args, **kwargs: (args, kwargs))
            self.assertEqual(secret(handler)(*args, **kwargs), (args, kwargs))
            self.assertEqual(seen, [(args, kwargs)])

    def test_wraps(self):
        secret = self.manager()

        def handler(event, context, *, more: int = 1) -> str:
            """Says what it does."""

        handler.mark = 'kept'
        wrapped = secret(handler)
        self.assertEqual((wrapped.__name__, wrapped.__doc__, wrapped.mark), ('handler', 'Says what it does.', 'kept'))
        self.assertIs(wrapped.__wrapped__, handler)
        self.assertEqual(inspect.signature(wrapped), inspect.signature(handler))
        self.assertFalse(inspect.iscoroutinefunction(wrapped))

    def test_what_a_handler_raises_and_returns_is_untouched(self):
        secret = self.manager()
        answer = object()
        self.assertIs(secret(lambda event, context: answer)({}, None), answer)

        @secret
        def failing(event, context):
            raise KeyError('mine')

        with self.assertRaises(KeyError):
            failing({}, None)

    def test_every_kind_of_callable_follows(self):
        arn, _ = put(self.name, {'A': '0'})
        self.agent(f'SECRET={self.name}')
        secret = client().SecretsManager(self.name)

        class Functions:
            @secret
            def method(self, event, context):
                return self, event

            @secret
            @classmethod
            def of_class(cls, event, context):
                return cls, event

            @secret
            @staticmethod
            def static(event, context):
                return None, event

            def __call__(self, event, context):
                return self, event

            def bound(self, event, context):
                return self, event

        functions = Functions()
        partial = functools.partial(lambda first, event, context: (first, event), 'first')
        for handler, first in (
            (functions.method, functions),
            (functions.of_class, Functions),
            (Functions.of_class, Functions),
            (functions.static, None),
            (secret(functions), functions),
            (secret(functions.bound), functions),
            (secret(partial), 'first'),
            (lambda event, context: functions.method(event=event, context=context), functions),
        ):
            self.assertEqual(handler({'a': 1}, None), (first, {'a': 1}))
            _, version = put(self.name, {'A': str(first)})
            self.assertEqual(handler(native(self.name, arn, version), Context())['versionId'], version)
            self.assertEqual(secret['A'], str(first))

    def test_async_handlers_stay_async(self):
        secret = self.manager({'A': 'one'})

        @secret
        async def handler(event, context):
            await asyncio.sleep(0)
            return event, secret['A']

        class Callable:
            async def __call__(self, event, context):
                return event

        self.assertTrue(inspect.iscoroutinefunction(handler))
        self.assertEqual(asyncio.run(handler({'a': 1}, None)), ({'a': 1}, 'one'))
        put(self.name, {'A': 'two'})

        async def both():
            ticks = 0
            task = asyncio.ensure_future(handler(custom(self.name), Context()))
            while not task.done():
                ticks += 1
                await asyncio.sleep(0)
            return ticks, await task

        ticks, answer = asyncio.run(both())
        self.assertLessEqual(ROTATED.items(), answer.items())
        self.assertGreater(ticks, 1, 'the loop stood still')
        self.assertEqual(asyncio.run(handler({}, None)), ({}, 'two'))
        put(self.name, {'A': 'three'})
        self.assertTrue(asyncio.run(secret(Callable())(custom(self.name), None))['rotated'])
        with self.assertRaises(StopIteration) as stopped:  # a coroutine without a loop of asyncio
            handler(custom(self.name), None).send(None)
        self.assertTrue(stopped.exception.value['rotated'])

    def test_called_with_an_event_it_is_its_handler(self):
        secret = self.manager()
        with self.assertRaises(TypeError):
            secret({}, None)
        with self.assertRaises(TypeError):
            secret()
        secret(lambda event, context: (event, context))
        self.assertEqual(secret({'a': 1}, 2), ({'a': 1}, 2))


class Rotation(Case):
    def setUp(self):
        super().setUp()
        self.arn, _ = put(self.name, {'A': 'one', 'GONE': 'x', 'CONFIGURED': 'secret'})
        os.environ['CONFIGURED'] = 'before'
        self.agent(f'SECRET={self.name}')
        self.secret = client().SecretsManager(self.name)
        self.handler, self.seen = calls(lambda event, context: 'handled')
        self.wrapped = self.secret(self.handler)

    def follows(self, event_of, value):
        _, version = put(self.name, value)
        answer = self.wrapped(event_of(version), Context())
        self.assertEqual({**answer, 'secretId': ''}, {**ROTATED, 'secretId': '', 'versionId': version})
        json.dumps(answer)
        self.assertEqual(self.seen, [])
        self.assertEqual(dict(self.secret), value)
        self.assertEqual(os.environ['A'], value['A'])

    def test_events(self):
        trail = {
            'source': 'aws.secretsmanager',
            'detail-type': 'AWS Service Event via CloudTrail',
            'detail': {
                'eventSource': 'secretsmanager.amazonaws.com',
                'eventName': 'RotationSucceeded',
                'additionalEventData': {'SecretId': self.arn},
            },
        }

        def sns(event):
            return {'Records': [{'EventSource': 'aws:sns', 'Sns': {'Message': json.dumps(event)}}]}

        def sqs(*texts):
            return {'Records': [{'eventSource': 'aws:sqs', 'body': text} for text in texts]}

        for i, event_of in enumerate((
            lambda version: custom(self.name),
            lambda version: custom(self.arn),
            lambda version: custom(self.arn[:-7], versionId=version),
            lambda version: native(self.name, self.arn, version),
            lambda version: trail,
            lambda version: sns(native(self.name, self.arn, version)),
            lambda version: sns(custom(self.name)),
            lambda version: sqs(json.dumps(custom(self.name))),
            lambda version: sqs(json.dumps({'Type': 'Notification', 'Message': json.dumps(native(self.name, self.arn, version))})),
            lambda version: sqs(json.dumps(custom(self.name)).replace('secret', '\\u0073ecret').replace('-type', '\\u002dtype')),
            lambda version: Wrapped(native(self.name, self.arn, version)),
        )):
            with self.subTest(i):
                self.follows(event_of, {'A': f'value {i}'})

    def test_variables_that_are_gone(self):
        os.environ['GONE'] = 'x'
        self.assertEqual(os.environ['CONFIGURED'], 'secret')
        self.follows(lambda version: custom(self.name), {'A': 'two'})
        self.assertEqual(os.environ['CONFIGURED'], 'before')
        self.assertNotIn('GONE', os.environ)
        self.assertNotIn('GONE', self.secret)

    def test_variables_that_the_wrapper_has_set(self):
        os.environ['A'] = 'one'  # with that value it is no configuration of the function
        self.agent(f'SECRET={self.name}')
        self.secret = client().SecretsManager(self.name)
        self.wrapped = self.secret(self.handler)
        put(self.name, {'B': 'two'})
        self.assertTrue(self.wrapped(custom(self.name), Context())['changed'])
        self.assertEqual((os.environ.get('A'), os.environ['B']), (None, 'two'))

    def test_what_the_function_has_set_since_stays(self):
        os.environ['GONE'] = 'by the function'
        self.follows(lambda version: custom(self.name), {'A': 'two'})
        self.assertEqual(os.environ['GONE'], 'by the function')

    def test_events_of_the_handler(self):
        other, _ = put(self.name + '/other', {})
        for i, event in enumerate((
            custom(self.name + '/other'),
            native(self.name + '/other', other, 'v'),
            {**custom(self.name), 'source': 'mine'},
            {**custom(self.name), 'detail-type': 'mine'},
            {**custom(self.name), 'detail': {}},
            {**custom(self.name), 'detail': {'secretId': 7}},
            {**custom(self.name), 'detail': 'text'},
            {**custom(self.name), 'detail': None},
            {'source': 'secretsmanager'},
            {**native(self.name, self.arn, 'v'), 'detail': {'labelUpdated': 'AWSPENDING', 'name': self.name}},
            {'Records': []},
            {'Records': None},
            {'Records': [None, 7, 'x']},
            {'Records': [{'body': 7}, {'Sns': None}]},
            {'Records': [{'body': json.dumps(custom(self.name))}, {'body': 'an order'}]},
            {'Records': [{'body': 'Secret Rotation detail-type secretsmanager'}]},
            {'body': 'Secret Rotation ' * 400_000},
            {'detail-type': 'Secret Rotation', 'source': 'secretsmanager', 'detail': {'secretId': self.name + '/none'}},
            {'detail-type': 'x', 'source': 'aws.secretsmanager', 'detail': {'set': float('nan')}},
            [custom(self.name)],
            'text',
            None,
            {},
        )):
            with self.subTest(i):
                self.seen.clear()
                self.assertEqual(self.wrapped(event, Context()), 'handled')
                self.assertEqual(len(self.seen), 1)
                self.assertIs(self.seen[0][0][0], event)

    def test_ordinary_events_cost_nothing(self):
        big = {'body': 'Secret Rotation detail-type secretsmanager ' * 140_000, 'detail-type': 'Order', 'detail': {'a': 1}}
        records = {'Records': [{'body': 'x' * 256_000}] * 10}
        self.wrapped({}, None)
        for event in (big, records, {'a': 1}):
            with self.subTest(list(event)):
                best = min(self.time(event) for _ in range(50))
                self.assertLess(best, 0.000_5)

    def time(self, event):
        start = time.perf_counter()
        self.wrapped(event, None)
        return time.perf_counter() - start

    def test_a_refresh_that_fails_raises(self):
        for fault, type in (('deny', 'AccessDeniedException'), ('throttle', 'ThrottlingException')):
            put(self.name, {'A': CANARY})
            control(fault, name=self.name)
            with self.refused('RotationError', self.name, '502', type):
                self.wrapped(custom(self.name), Context(2000))
            self.assertEqual((self.seen, self.secret['A'], os.environ['A']), ([], 'one', 'one'))
            control('heal')
        self.assertTrue(self.wrapped(custom(self.name), Context())['changed'])

    def test_an_extension_that_is_gone_raises(self):
        control('stop', port=os.environ['PARAMETERS_SECRETS_EXTENSION_HTTP_PORT'])
        with self.refused('RotationError', 'cannot reach the secrets extension'):
            self.wrapped(custom(self.name), Context())
        self.assertEqual(self.seen, [])
        self.assertEqual(self.wrapped({}, Context()), 'handled')

    def test_every_manager_is_renewed(self):
        package = client()
        put(self.name + '/b', {'B': 'one'})
        a, b = package.SecretsManager(self.name), package.SecretsManager(self.name + '/b')
        handler = a(b(self.handler))
        put(self.name, {'A': 'two'})
        put(self.name + '/b', {'B': 'two'})
        for name in (self.name, self.name + '/b'):
            self.assertTrue(handler(custom(name), Context())['changed'])
        self.assertEqual((a['A'], b['B'], os.environ['A'], os.environ['B'], self.seen), ('two', 'two', 'two', 'two', []))


class Wrapped(Mapping):
    """An event as the data classes of libraries have it."""

    def __init__(self, event):
        self._event = event

    def __getitem__(self, key):
        return self._event[key]

    def __iter__(self):
        return iter(self._event)

    def __len__(self):
        return len(self._event)
