import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
import traceback

from harness import CANARY, TOKEN, Case, Context, calls, client, control, custom, put, wait_a_second

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
SECRET = b'{"SecretString":"{\\"A\\":\\"%s\\"}","VersionId":"v1"}'


def whole(body, status=b'200 OK', more=b''):
    return b'HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s' % (status, more, len(body), body)


class Server(socketserver.ThreadingTCPServer):
    """Answers each request with what answer(server, its first line) returns; None closes the connection without a word."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, answer):
        super().__init__(('127.0.0.1', 0), Handler)
        self.answer, self.requests, self.connections = answer, [], 0


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.connections += 1
        while True:
            head = []
            while True:
                line = self.rfile.readline()
                if not line:
                    return
                if line == b'\r\n':
                    break
                head.append(line.decode().strip())
            length = next((int(line.split(':')[1]) for line in head if line.startswith('Content-Length')), 0)
            self.rfile.read(length)
            self.server.requests.append(head)
            answer = self.server.answer(self.server, head[0])
            if answer is None:
                return
            pieces = answer if isinstance(answer, tuple) else (answer,)
            for piece in pieces:
                if piece == b'close':
                    return
                self.wfile.write(piece)
                self.wfile.flush()
                if len(pieces) > 1:
                    time.sleep(0.001)


class Faults(Case):
    def serve(self, answer):
        server = Server(answer)
        thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01})
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        os.environ['PARAMETERS_SECRETS_EXTENSION_HTTP_PORT'] = str(server.server_address[1])
        os.environ['AWS_TOKEN'] = TOKEN
        return server

    def answers(self, answer):
        """Serves the same answer to every request for the secret, and no variables."""
        return self.serve(lambda server, line: whole(b'{}') if '/env' in line else answer)

    def test_every_form_of_an_answer(self):
        body = SECRET % b'x'
        half = len(body) // 2
        chunks = b'%x;ext=1\r\n%s\r\n%X\r\n%s\r\n0\r\nTrailer: x\r\n\r\n' % (half, body[:half], len(body) - half, body[half:])
        for answer in (
            whole(body),
            whole(body, more=b'connection: CLOSE\r\n'),
            OK + b'transfer-encoding: Chunked\r\n\r\n' + chunks,
            (OK + b'\r\n' + body, b'close'),
            (b'HTTP/1.0 200 OK\r\n\r\n' + body, b'close'),
            b'HTTP/1.1 100 Continue\r\n\r\n' + whole(body),
            tuple(bytes([byte]) for byte in whole(body)),
        ):
            self.answers(answer)
            secret = client().SecretsManager(self.name)
            self.assertEqual(secret['A'], 'x')

    def test_what_is_sent(self):
        server = self.serve(lambda server, line: whole(b'{}') if '/env' in line else whole(SECRET % b'x', more=b'ETag: "v1"\r\n'))
        secret = client().SecretsManager('a b/+é?&')
        secret(lambda event, context: None)({}, None)
        wait_a_second()
        secret({}, None)
        port = os.environ['PARAMETERS_SECRETS_EXTENSION_HTTP_PORT']
        get = 'GET /secretsmanager/get?secretId=a%20b/%2B%C3%A9%3F%26 HTTP/1.1'
        common = [f'Host: 127.0.0.1:{port}', f'X-Aws-Parameters-Secrets-Token: {TOKEN}']
        self.assertEqual(server.requests[0], [get, *common])
        self.assertEqual(server.requests[1], ['GET /env HTTP/1.1', *common])
        self.assertEqual(server.requests[2], [get, *common, 'If-None-Match: "v1"'])
        self.assertEqual(len(server.requests), 4)
        self.assertEqual(server.connections, 1)

    def test_overrides_ask_by_the_query(self):
        server = self.serve(lambda server, line: whole(b'{"rotated":true}') if 'rotation' in line else whole(SECRET % b'x'))
        handler = client().SecretsManager('S', rotation_source='mine')(lambda event, context: None)
        handler({**custom('a b', versionId='v/2'), 'source': 'mine'}, None)
        posted = next(head for head in server.requests if head[0].startswith('POST'))
        self.assertEqual(posted[0], 'POST /rotation?secretId=a%20b&versionId=v/2 HTTP/1.1')
        self.assertIn('Content-Length: 0', posted)

    def test_answers_that_are_none(self):
        for answer, words in (
            (b'SSH-2.0-OpenSSH\r\n\r\n', 'does not speak HTTP'),
            (b'x' * 100_000, 'does not speak HTTP'),
            (b'HTTP/1.1 abc\r\n\r\n', 'does not speak HTTP'),
            (OK + b'Content-Length: -1\r\n\r\n', 'does not speak HTTP'),
            (OK + b'Transfer-Encoding: chunked\r\n\r\nzz\r\n', 'does not speak HTTP'),
            ((OK + b'Content-Length: 99\r\n\r\n' + CANARY.encode(), b'close'), 'the connection broke'),
            (None, 'the connection broke'),
            (whole(b'not JSON ' + CANARY.encode()), 'not the JSON'),
            (whole(b'["' + CANARY.encode() + b'"]'), 'not the JSON'),
        ):
            self.answers(answer)
            with self.refused('SecretsError', words) as caught:
                client().SecretsManager(self.name)
            self.assertNotIn(CANARY, everything(caught.exception))
            self.assertNotIn(TOKEN, everything(caught.exception))

    def test_errors_say_why(self):
        for status, body, words, type in (
            (b'403 Forbidden', b'Bad Token', ('status 403: Bad Token',), ''),
            (b'400 Bad Request', b'{"__type":"AccessDeniedException","message":"no"}', ('400', 'AccessDeniedException: no'), 'AccessDeniedException'),
            (b'404 Not Found', b'', ('status 404',), ''),
            (b'302 Found', b'', ('status 302',), ''),
        ):
            self.answers(whole(body, status) if body[:1] == b'{' else b'HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s' % (status, len(body), body))
            with self.refused('SecretsError', self.name, *words) as caught:
                client().SecretsManager(self.name)
            self.assertEqual((caught.exception.status, caught.exception.type), (int(status[:3]), type))

    def test_what_may_come_later_fails_the_first_use_not_the_start(self):
        state = {'answer': b''}
        self.serve(lambda server, line: whole(b'{}') if '/env' in line else state['answer'])
        for status, body in (
            (b'503 Service Unavailable', b'{"__type":"NotLoaded","message":"wait"}'),
            (b'429 Too Many Requests', b'Connection limit exceeded'),
            (b'400 Bad Request', b'{"__type":"ThrottlingException","message":"wait"}'),
        ):
            state['answer'] = whole(body, status)
            secret = client().SecretsManager(self.name)
            handler, seen = calls(lambda event, context: secret['A'])
            handler = secret(handler)
            for use in (lambda: secret['A'], lambda: dict(secret), lambda: handler({}, Context())):
                with self.refused('SecretsError', self.name):
                    use()
            with self.refused('SecretsError', 'no secrets: '):
                handler({}, Context())
            self.assertEqual(seen, [])
            self.assertIn('not loaded', self.logged.getvalue())
            state['answer'] = whole(SECRET % b'x')
            self.assertEqual(handler({}, Context()), 'x')
            self.assertEqual(os.environ.pop('A'), 'x')

    def test_continue(self):
        put(self.name, {'A': 'x'})
        control('deny', name=self.name)
        self.addCleanup(control, 'heal')
        self.agent()
        with self.refused('SecretsError', self.name, 'AccessDeniedException'):
            client().SecretsManager(self.name)
        os.environ['SECRETS_ON_INIT_ERROR'] = 'Continue'
        secret = client().SecretsManager(self.name)
        handler = secret(lambda event, context: secret['A'])
        self.assertIsNone(secret['A'])
        self.assertIsNone(handler({}, None))
        self.assertIn('AccessDeniedException', self.logged.getvalue())
        control('heal')
        wait_a_second()
        time.sleep(3)  # as long as the extension remembers an error
        self.assertEqual(handler({}, None), 'x')
        os.environ['SECRETS_ON_INIT_ERROR'] = 'maybe'
        with self.refused('SecretsError', 'SECRETS_ON_INIT_ERROR', 'maybe'):
            client().SecretsManager(self.name)

    def test_a_failed_manager_does_not_disturb_others(self):
        put(self.name, {'A': 'x'})
        self.agent()
        package = client()
        with self.refused('SecretsError', 'ResourceNotFoundException', self.name + '/none'):
            package.SecretsManager(self.name + '/none')
        secret = package.SecretsManager(self.name)
        self.assertEqual(secret(lambda event, context: secret['A'])({}, None), 'x')
        wait_a_second()
        secret({}, None)
        self.assertEqual(self.logged.getvalue(), '')

    def test_an_ordinary_event_waits_half_a_second(self):
        slow = threading.Event()
        self.serve(lambda server, line: slow.wait(0 if not server.slow else 3) and None or whole(b'{}' if '/env' in line else SECRET % b'x')).slow = False
        secret = client().SecretsManager(self.name)
        handler = secret(lambda event, context: secret['A'])
        socketserver_of(self).slow = True
        wait_a_second()
        start = time.monotonic()
        self.assertEqual(handler({}, None), 'x')
        self.assertLess(abs(time.monotonic() - start - 0.5), 0.2)
        start = time.monotonic()
        self.assertEqual(handler({}, None), 'x')
        self.assertLess(time.monotonic() - start, 0.2)
        self.assertIn('no answer from the secrets extension in time', self.logged.getvalue())
        with self.refused('RotationError', 'in time'):
            handler(custom(self.name), Context(600))
        slow.set()

    def test_what_was_asked_earlier_never_replaces_what_was_asked_later(self):
        held, late = threading.Event(), threading.Event()
        answers = iter(('first', 'old', 'new'))

        def answer(server, line):
            if '/env' in line:
                return whole(b'{}')
            value = next(answers)
            if value == 'old':
                held.set()
                late.wait(5)
            return whole(SECRET % value.encode())

        self.serve(answer)
        secret = client().SecretsManager(self.name)
        process = sys.modules['aws_secretsmanager._process'].process
        slow = threading.Thread(target=process.renew, args=(time.monotonic() + 5,))
        slow.start()
        held.wait(5)
        process.renew(time.monotonic() + 5)
        late.set()
        slow.join()
        self.assertEqual((secret['A'], os.environ['A']), ('new', 'new'))

    def test_a_snapshot_keeps_nothing(self):
        self.serve(lambda server, line: whole(b'{"B":"y"}' if '/env' in line else SECRET % b'x'))
        os.environ.update(AWS_LAMBDA_RUNTIME_API='127.0.0.1:1', AWS_LAMBDA_INITIALIZATION_TYPE='snap-start')
        package = client()
        secret, configured = package.SecretsManager(self.name), package.SecretsManager()
        self.assertEqual((secret['A'], configured['B']), ('x', 'y'))
        process = sys.modules['aws_secretsmanager._process'].process
        self.assertEqual((process.records, process.configured), ({}, None))
        self.assertEqual([name for name in 'AB' if name in os.environ], [])
        self.assertEqual(secret(lambda event, context: os.environ['A'])({}, Context()), 'x')
        self.assertEqual((list(process.records), process.configured), ([self.name], {'B': 'y'}))

    def test_connections_that_died(self):
        server = self.serve(lambda server, line: whole(b'{}') if '/env' in line else whole(SECRET % b'x'))
        secret = client().SecretsManager(self.name)
        endpoint = sys.modules['aws_secretsmanager._process'].process.endpoint
        handler = secret(lambda event, context: secret['A'])

        (connection, _, _), = endpoint._idle
        connection.shutdown(socket.SHUT_RDWR)  # the peer is gone
        wait_a_second()
        self.assertEqual((handler({}, None), server.connections), ('x', 2))
        self.assertEqual(self.logged.getvalue(), '')

        (connection, port, since), = endpoint._idle
        endpoint._idle[:] = [(connection, port, since - 6)]  # as after a freeze: gone, and nobody says so
        wait_a_second()
        self.assertEqual((handler({}, None), server.connections), ('x', 3))

    def test_no_extension(self):
        os.environ['PARAMETERS_SECRETS_EXTENSION_HTTP_PORT'] = '1'
        os.environ['AWS_TOKEN'] = TOKEN
        for options in ({}, {'name': 'MySecret'}):
            with self.refused('SecretsError', 'start aws-secretsmanager', 'SECRETS_FAKE', 'port 1'):
                client().SecretsManager(**options)
        os.environ['AWS_LAMBDA_RUNTIME_API'] = '127.0.0.1:1'
        with self.refused('SecretsError', 'is its layer attached'):
            client().SecretsManager('MySecret')

    def test_ports(self):
        for port in ('0', '65536', 'x', '-1', '٣'):
            os.environ['PARAMETERS_SECRETS_EXTENSION_HTTP_PORT'] = port
            with self.refused('SecretsError', 'PARAMETERS_SECRETS_EXTENSION_HTTP_PORT', port):
                client().SecretsManager('MySecret')

    def test_tokens(self):
        self.manager({'A': 'x'})
        file = os.path.join(os.environ['HOME'], 'token')
        with open(file, 'w') as out:
            out.write(f' {TOKEN}\n')
        names = ('AWS_TOKEN', 'AWS_SESSION_TOKEN', 'AWS_CONTAINER_AUTHORIZATION_TOKEN')
        for name in names:
            for other in names:
                os.environ.pop(other, None)
            for value in (TOKEN, f'file://{file}'):
                os.environ[name] = value
                self.assertEqual(client().SecretsManager(self.name)['A'], 'x')
            for value, words in ((f'file://{file}.none', 'cannot read'), ('file:///dev/null', 'is empty'), ('a\nb', 'header'), ('é', 'header')):
                os.environ[name] = value
                with self.refused('SecretsError', name, words):
                    client().SecretsManager(self.name)
        del os.environ[name]
        with self.refused('SecretsError', 'start aws-secretsmanager', *names):
            client().SecretsManager(self.name)

    def test_import_is_cheap(self):
        code = "import json, logging, sys; before = set(sys.modules); import aws_secretsmanager; print(*set(sys.modules) - before)"
        out = subprocess.run([sys.executable, '-S', '-c', code], capture_output=True, text=True, check=True).stdout
        self.assertEqual({name for name in out.split() if not name.startswith('aws_secretsmanager')} - {'__future__', '_socket'}, set())


def socketserver_of(case):
    return next(arg.__self__ for arg, _, _ in case._cleanups if getattr(arg, '__name__', '') == 'shutdown')


def everything(err):
    """What an error tracker sends: the traceback with the variables of its frames."""
    return ''.join(traceback.TracebackException.from_exception(err, capture_locals=True).format())
