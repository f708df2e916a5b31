"""Requests to the extension's endpoint on the loopback interface.

It is HTTP/1.1 by hand over the C module below socket: http.client takes twenty milliseconds to import, socket eight.
"""

from __future__ import annotations

import json
import os
from _socket import AF_INET, SOCK_STREAM
from _socket import error as SocketError
from _socket import socket as Socket
from _socket import timeout as SocketTimeout
from time import monotonic, time

TYPE_CHECKING = False  # typing is slow to import; checkers take this name for true
if TYPE_CHECKING:
    from typing import Any

# An address, not a name: no look-up, and no ::1 that is tried first.
HOST = '127.0.0.1'
TOKENS = ('AWS_TOKEN', 'AWS_SESSION_TOKEN', 'AWS_CONTAINER_AUTHORIZATION_TOKEN')

# Seconds of wall time that a connection may stand idle and be used again: the peer of one that slept through a freeze of
# the sandbox may be gone.
MAX_IDLE = 5.0
MAX_HEAD = 64 << 10  # bytes


class SecretsError(Exception):
    """No value, and why. There is never a value in it, nor the token."""

    def __init__(self, message: str, status: int | None = None, type: str = '', temporary: bool = False) -> None:
        super().__init__(message)
        self.status = status  # HTTP status of the answer; None: there was none
        self.type = type  # the answer's __type, such as ResourceNotFoundException; '': none
        self.temporary = temporary  # the same call may succeed later without anybody changing anything


class RotationError(SecretsError):
    """Fails the invocation of a rotation event that could not be followed. Lambda sends the event again."""


class Answer:
    """What came back. Its repr shows no body: error trackers print the variables of every frame."""

    __slots__ = ('_body', 'headers', 'status')

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self._body = status, headers, body

    def __repr__(self) -> str:
        return f'<answer with status {self.status}>'

    def json(self, what: str) -> dict[str, Any]:
        """The object in the body of a success; every other answer raises, naming what was done."""
        if self.status // 100 != 2:
            raise self._refusal(what)
        decoded = self._decode()
        if decoded is None:
            raise SecretsError(f'{what}: the answer is not the JSON that was expected', self.status)
        return decoded

    def _decode(self) -> dict[str, Any] | None:
        try:  # the decoder's own error has the document in it, so it is not passed on
            decoded = json.loads(self._body)
        except (ValueError, RecursionError):
            return None
        return decoded if isinstance(decoded, dict) else None

    def _refusal(self, what: str) -> SecretsError:
        type, message = '', self._body[:512].decode('utf-8', 'replace').strip()
        if self.headers.get('content-type', '').startswith('application/json'):
            decoded = self._decode() or {}
            type, message = str(decoded.get('__type', '')), str(decoded.get('message', ''))
            if decoded.get('secretId') and what == 'rotation':
                what = f'rotation of {decoded["secretId"]}'
        # As the extension's own errors are told apart: a time-out, a throttle, a 5xx, the network.
        temporary = (
            self.status >= 500
            or self.status == 429
            or 'Throttl' in type
            or 'TooManyRequests' in type
            or type in ('RequestLimitExceeded', 'ExpiredTokenException', 'InternalServiceError')
        )
        text = f'{type}: {message}' if type else message
        return SecretsError(f'{what}: status {self.status}: {text}', self.status, type, temporary)


def in_lambda() -> bool:
    return bool(os.environ.get('AWS_LAMBDA_RUNTIME_API'))


def unreachable(why: str) -> SecretsError:
    """What to do about an extension that does not answer."""
    if in_lambda():
        return SecretsError(f'cannot reach the secrets extension ({why}); is its layer attached to the function?')
    return SecretsError(
        f'cannot reach the secrets extension ({why}); start aws-secretsmanager, the local agent, and export the token that '
        'it prints, or set SECRETS_FAKE to a JSON object that is used in place of the secret, as in '
        'SECRETS_FAKE=\'{"PASSWORD":"x"}\''
    )


def port() -> int:
    value = os.environ.get('PARAMETERS_SECRETS_EXTENSION_HTTP_PORT') or '2773'
    number = int(value) if value.isascii() and value.isdecimal() and len(value) < 6 else 0
    if not 1 <= number <= 65535:
        raise SecretsError(f'PARAMETERS_SECRETS_EXTENSION_HTTP_PORT: got {value!r}, want a port from 1 to 65535')
    return number


def token() -> str:
    """The token that the extension compares with. It is read for every request: a restored snapshot has another one."""
    for name in TOKENS:
        value = os.environ.get(name)
        if not value:
            continue
        if value.startswith('file://'):
            value = read_token(name, value[len('file://') :])
        if not value.isascii() or not value.isprintable():
            raise SecretsError(f'{name}: the value cannot stand in a header')
        return value
    raise unreachable(f'no token: none of {", ".join(TOKENS)} is set')


def read_token(name: str, path: str) -> str:
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            value = file.read().strip()
    except OSError as err:
        raise SecretsError(f'{name}: cannot read {path}: {err.strerror}') from None
    if not value:
        raise SecretsError(f'{name}: {path} is empty')
    return value


UNRESERVED = frozenset(b'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/')


def quote(text: str) -> str:
    """Percent-encodes a value of a query. urllib.parse takes four milliseconds to import."""
    return ''.join(chr(c) if c in UNRESERVED else f'%{c:02X}' for c in text.encode('utf-8', 'replace'))


class Endpoint:
    """The endpoint, with the connections to it that are idle. Threads may share it: each request takes one for itself."""

    def __init__(self) -> None:
        self._idle: list[tuple[Socket, int, float]] = []  # with the port, and since when

    def call(self, method: str, target: str, end: float, etag: str = '', body: bytes = b'') -> Answer:
        """Sends a request and returns the answer, whatever its status. The end is in time.monotonic()'s seconds."""
        to = port()
        while True:
            connection, reused = self._take(to, end)
            exchange = Exchange(connection, end)
            try:
                answer, keep = exchange.run(method, target, to, etag, body)
            except SocketTimeout:
                connection.close()
                raise SecretsError('no answer from the secrets extension in time', temporary=True) from None
            except SecretsError:
                connection.close()
                raise
            except (SocketError, EOFError) as err:
                connection.close()
                # The extension takes every request twice without harm, and may be gone from the other end of a connection
                # that stood idle.
                if reused and not exchange.answered:
                    continue
                raise unreachable(getattr(err, 'strerror', None) or 'the connection broke') from None
            except ValueError:
                connection.close()
                raise unreachable(f'what listens on port {to} does not speak HTTP') from None
            if keep:
                self._idle.append((connection, to, time()))
            else:
                connection.close()
            return answer

    def _take(self, to: int, end: float) -> tuple[Socket, bool]:
        now = time()
        while self._idle:
            try:
                connection, at, since = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if at == to and abs(now - since) <= MAX_IDLE:
                return connection, True
            connection.close()
        connection = Socket(AF_INET, SOCK_STREAM)
        try:
            connection.settimeout(left(end))
            connection.connect((HOST, to))
        except SocketError as err:
            connection.close()
            raise unreachable(f'port {to}: {err.strerror or "no answer"}') from None
        return connection, False

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[0].close()


def left(end: float) -> float:
    """Seconds until end, for a socket: zero would mean never to wait, and raise another error."""
    return max(end - monotonic(), 0.001)


class Exchange:
    """One request and its answer. Raises ValueError for what is no HTTP, EOFError for a connection that ended."""

    __slots__ = ('_buffer', '_connection', '_end', 'answered')

    def __init__(self, connection: Socket, end: float) -> None:
        self._connection, self._end, self._buffer = connection, end, b''
        self.answered = False  # at least a byte of the answer came

    def run(self, method: str, target: str, to: int, etag: str, body: bytes) -> tuple[Answer, bool]:
        """Returns the answer, and whether the connection can be used again."""
        head = [f'{method} {target} HTTP/1.1', f'Host: {HOST}:{to}', f'X-Aws-Parameters-Secrets-Token: {token()}']
        if etag:
            head.append(f'If-None-Match: {etag}')
        if body:
            head.append('Content-Type: application/json')
        if method == 'POST':
            head.append(f'Content-Length: {len(body)}')
        self._connection.settimeout(left(self._end))
        self._connection.sendall('\r\n'.join(head).encode('latin-1') + b'\r\n\r\n' + body)
        return self._answer()

    def _answer(self) -> tuple[Answer, bool]:
        status, headers = self._head()
        while status // 100 == 1:  # interim answers
            status, headers = self._head()
        keep = headers.get('connection', '').lower() != 'close'
        if status in (204, 304):
            body = b''
        elif headers.get('transfer-encoding', '').lower() == 'chunked':
            body = self._chunks()
        elif 'content-length' in headers:
            body = self._exactly(int(headers['content-length']))
        else:
            keep, body = False, self._rest()
        return Answer(status, headers, body), keep and not self._buffer

    def _head(self) -> tuple[int, dict[str, str]]:
        lines = self._until(b'\r\n\r\n').decode('latin-1').split('\r\n')
        version, status = lines[0].split(' ', 2)[:2]
        if not version.startswith('HTTP/1.'):
            raise ValueError
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(':')
            headers[name.lower()] = value.strip()
        return int(status), headers

    def _chunks(self) -> bytes:
        body = []
        while True:
            size = int(self._until(b'\r\n').split(b';')[0], 16)
            if not size:
                break
            body.append(self._exactly(size))
            self._exactly(2)
        while self._until(b'\r\n'):  # trailers
            pass
        return b''.join(body)

    def _more(self) -> None:
        self._connection.settimeout(left(self._end))
        got = self._connection.recv(64 << 10)
        if not got:
            raise EOFError
        self.answered = True
        self._buffer += got

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            if len(self._buffer) > MAX_HEAD:
                raise ValueError
            self._more()
        found, _, self._buffer = self._buffer.partition(mark)
        return found

    def _exactly(self, size: int) -> bytes:
        if size < 0:
            raise ValueError
        while len(self._buffer) < size:
            self._more()
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _rest(self) -> bytes:
        try:
            while True:
                self._more()
        except EOFError:
            found, self._buffer = self._buffer, b''
            return found
