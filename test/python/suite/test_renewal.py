import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from harness import CANARY, Case, Context, control, custom, put, wait_a_second


class Renewal(Case):
    def test_an_ordinary_event_renews_once_a_second(self):
        secret = self.manager({'A': 'one', 'odd-name': 1})
        handler = secret(lambda event, context: (secret['A'], os.environ['A'], secret['odd-name']))
        put(self.name, {'A': 'two', 'odd-name': 2})
        control_refresh(self.name)
        self.assertEqual(handler({}, None), ('one', 'one', 1))
        wait_a_second()
        self.assertEqual(handler({}, None), ('two', 'two', 2))

    def test_where_the_proxy_answers_rotations_every_event_renews(self):
        secret = self.manager({'A': 'one'})
        os.environ['SECRETS_RUNTIME_PROXY'] = 'On'
        handler = secret(lambda event, context: (secret['A'], os.environ['A']))
        self.assertEqual(handler({}, None), ('one', 'one'))
        put(self.name, {'A': 'two'})
        control_refresh(self.name)
        self.assertEqual(handler({}, None), ('two', 'two'))

    def test_a_failure_keeps_the_values_and_says_so_once(self):
        secret = self.manager({'A': CANARY})
        handler = secret(lambda event, context: secret['A'])
        port = os.environ['PARAMETERS_SECRETS_EXTENSION_HTTP_PORT']
        os.environ['PARAMETERS_SECRETS_EXTENSION_HTTP_PORT'] = '1'
        for _ in range(3):
            wait_a_second()
            self.assertEqual(handler({}, None), CANARY)
        os.environ['PARAMETERS_SECRETS_EXTENSION_HTTP_PORT'] = port
        for _ in range(3):
            wait_a_second()
            self.assertEqual(handler({}, None), CANARY)
        lines = self.logged.getvalue().splitlines()
        self.assertEqual(len(lines), 2, lines)
        self.assertIn('not renewed', lines[0])
        self.assertIn('current again', lines[1])

    def test_a_secret_that_is_gone_takes_its_variables_along(self):
        secret = self.manager({'A': 'one'})
        handler = secret(lambda event, context: (secret['A'], os.environ.get('A')))
        control('delete', name=self.name)
        control_refresh(self.name)
        for _ in range(2):
            wait_a_second()
            self.assertEqual(handler({}, None), (None, None))
        self.assertEqual(self.logged.getvalue().count('is gone'), 1)
        put(self.name, {'A': 'again'})
        control_refresh(self.name)
        wait_a_second()
        self.assertEqual(handler({}, None), ('again', 'again'))

    def test_refresh(self):
        secret = self.manager({'A': 'one'})
        put(self.name, {'A': 'two'})
        time.sleep(1)  # the extension asks Secrets Manager once a second
        self.assertTrue(secret.refresh())
        self.assertEqual((secret['A'], os.environ['A']), ('two', 'two'))
        self.assertFalse(secret.refresh())
        control('delete', name=self.name)
        time.sleep(1)
        with self.refused('SecretsError', self.name, 'ResourceNotFoundException'):
            secret.refresh()

    def test_threads(self):
        secret = self.manager({'USER': '0', 'PASSWORD': '0'})
        handler = secret(lambda event, context: secret['USER'])
        stop, errors = threading.Event(), []

        def invoke():
            last = 0
            while not stop.is_set():
                try:
                    wait_a_second()
                    value = int(handler({}, None))
                    if value < last:
                        errors.append(f'{value} after {last}')
                    last = value
                except Exception as err:
                    errors.append(repr(err))

        threads = [threading.Thread(target=invoke) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            for i in range(1, 20):
                put(self.name, {'USER': str(i), 'PASSWORD': str(i)})
                self.assertTrue(handler(custom(self.name), Context())['rotated'])
                self.assertEqual((secret['USER'], os.environ['USER']), (str(i), str(i)))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(errors, [])

    def test_fork(self):
        secret = self.manager({'A': 'one'})
        handler = secret(lambda event, context: secret['A'])
        process = sys.modules['aws_secretsmanager._process'].process
        process._lock.acquire()  # as by another thread at that moment
        put(self.name, {'A': 'two'})
        read, write = os.pipe()
        child = os.fork()
        if not child:
            signal.alarm(10)  # ends one that waits for the lock
            try:
                handler(custom(self.name), Context())
                os.write(write, f'{secret["A"]} {os.environ["A"]}'.encode())
            finally:
                os._exit(0)
        process._lock.release()
        os.close(write)
        with os.fdopen(read) as answer:
            self.assertEqual(answer.read(), 'two two')
        os.waitpid(child, 0)
        wait_a_second()
        self.assertEqual(handler({}, None), 'two')


def control_refresh(name):
    """Has the extension read the secret anew, with nobody telling the client."""
    port, query = os.environ['PARAMETERS_SECRETS_EXTENSION_HTTP_PORT'], urllib.parse.urlencode({'secretId': name, 'refreshNow': 'true'})
    request = urllib.request.Request(f'http://127.0.0.1:{port}/secretsmanager/get?{query}')
    request.add_header('X-Aws-Parameters-Secrets-Token', os.environ['AWS_TOKEN'])
    try:
        urllib.request.urlopen(request).close()
    except urllib.error.HTTPError as err:
        err.close()
