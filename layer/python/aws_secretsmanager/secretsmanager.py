"""The class that functions use."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator, Mapping
from time import monotonic

from ._endpoint import SecretsError
from ._process import LOAD, PATIENCE, in_snapshot, process, strict, time_left
from ._secret import Record, Reference, references

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn, TypeVar, overload

    from ._event import Recogniser

    Handler = TypeVar('Handler', bound=Callable[..., Any])
    Base = Mapping[str, Any]
else:
    Base = Mapping


class SecretsManager(Base):
    """The entries of a secret that is a JSON object: a mapping, the variables of the process, and a decorator of handlers.

        secret = SecretsManager('MySecret')
        secret['PASSWORD']           # None if there is no such entry; types are those of the JSON
        os.environ['PASSWORD']       # spelled as in the JSON, strings without their quotes

        @secret
        def handler(event, context): ...

    It is loaded when it is made. A rotation event renews it, and so does every other event that comes to a decorated
    handler, at most once a second (with SECRETS_RUNTIME_PROXY=on each time) and for at most half a second; should that fail
    the values stay, and the log says so.

    Without a name it is what the references in the variable SECRET stand for, or in the one that secrets_key names: for
    `MySecret` the entries of that secret, for `DB_*=prod/db API_KEY=prod/api` those of DB_… and API_KEY.

    The rotation_ options describe the custom rotation event of this function; without them it is what the variables
    SECRETS_ROTATION_SOURCE, _DETAIL_TYPE and _DETAIL_KEY say, else `secretsmanager`, `Secret Rotation` and `secretId`.
    Events of AWS are recognised whatever they say.

    A key that is no name of a variable, or one that changes how the process runs, as PATH, is in the mapping alone.
    Variables that are gone from the secret are unset, or become what the function's configuration had.

    Raises SecretsError, when it is made, for a secret that cannot be had; with SECRETS_ON_INIT_ERROR=continue the log says
    so instead. One that may come later, after a time-out or a throttle, is asked for again at its first use.

    With SnapStart nothing is loaded when it is made: variables are set from the first event of a decorated handler, or the
    first read of an entry, after the restore.

    Threads may share it. It shows names, never values, when it is printed, and cannot be pickled.
    """

    __slots__ = ('_handler', '_made', '_name', '_options', '_recogniser', '_references')

    def __init__(
        self,
        name: str | None = None,
        secrets_key: str = 'SECRET',
        rotation_source: str | None = None,
        rotation_detail_type: str | None = None,
        rotation_detail_key: str | None = None,
    ) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f'the name of the secret: got {type(name).__name__}, want str')
        self._name = name or ''
        self._references = (Reference(name),) if name else references(configured(secrets_key))
        self._options = (rotation_source, rotation_detail_type, rotation_detail_key)
        self._recogniser: Recogniser | None = None
        self._handler: Callable[..., Any] | None = None
        self._made: tuple[object, dict[str, Any]] = (None, {})  # of what, and the entries
        must = strict()
        process.want(self._references)
        if pretended() or in_snapshot():
            return
        try:
            process.load(self._references, LOAD)
        except SecretsError as err:
            if must and not err.temporary:
                process.forget(self._references)
                raise
            process.report(err)

    # The mapping.

    def __getitem__(self, key: str) -> Any:
        return self._entries().get(key)

    def get(self, key: str, default: Any = None) -> Any:
        return self._entries().get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self._entries()

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries())

    def __len__(self) -> int:
        return len(self._entries())

    def __repr__(self) -> str:
        fake = pretended()
        return f'<SecretsManager {self._name}: {", ".join(self._entries() if fake else self._held())}>'

    def _entries(self) -> dict[str, Any]:
        """The entries as of now. They are made anew when something was told, never changed."""
        fake = pretended()
        if fake:
            from ._fake import parts

            return self._make(fake, parts(fake, self._references) or [(Reference(''), fake)])
        if process.snapshot:
            return self._read()
        if not process.loaded(self._references) and process.must_ask(self._references):
            try:
                process.load(self._references, PATIENCE)
            except SecretsError as err:
                process.report(err)
                if strict():
                    raise
        return self._held()

    def _held(self) -> dict[str, Any]:
        """The entries as they were last told."""
        if not self._references:
            return dict(process.configured or {})
        records = process.records
        return self._make(process.generation, [(r, records[r.id]) for r in self._references if r.id in records])

    def _read(self) -> dict[str, Any]:
        """The entries for who reads them before a snapshot is taken: nothing is kept."""
        end = monotonic() + LOAD
        if not self._references:
            return dict(process.fetch_configured(end))
        return join([(r, process.fetch(r.id, end)) for r in self._references])

    def _make(self, of: object, records: list[tuple[Reference, Record]]) -> dict[str, Any]:
        made = self._made
        if made[0] != of:
            made = self._made = (of, join(records))
        return made[1]

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError('a SecretsManager is not pickled or copied: its values are secret')

    # The decorator.

    if TYPE_CHECKING:

        @overload
        def __call__(self, handler: Handler, /) -> Handler: ...
        @overload
        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Decorates a handler, function or method, of any arguments; one that is async stays so. Rotation events of secrets
        that the extension holds do not reach it: they are answered with what the extension says of them, {"rotated": true,
        "secretId": …, "versionId": …, "changed": true}, or fail with RotationError, so that Lambda sends them again.

        Called with an event, it is the handler that it decorated last.
        """
        if len(args) == 1 and not kwargs:
            if isinstance(args[0], (staticmethod, classmethod)):
                return type(args[0])(self._decorate(args[0].__func__))
            if callable(args[0]):
                return self._decorate(args[0])
        if self._handler is None:
            raise TypeError('SecretsManager: want a handler to decorate')
        return self._handler(*args, **kwargs)

    def _decorate(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(handler)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            work = self._work(args, kwargs)
            answer = work() if work else None
            return handler(*args, **kwargs) if answer is None else answer

        @functools.wraps(handler)
        async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
            work = self._work(args, kwargs)
            answer = await off_loop(work) if work else None
            return await handler(*args, **kwargs) if answer is None else answer

        self._handler = async_wrapper if is_async(handler) else wrapper
        return self._handler

    def _work(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], dict[str, Any] | None] | None:
        """What is to be done before the handler, which is nearly always nothing. It returns the answer to the invocation, or
        None if that is the handler's business.
        """
        if pretended():
            return None
        if process.snapshot:
            process.restored()  # no event comes before the snapshot is taken
        if self._recogniser is None:
            from ._event import Recogniser

            self._recogniser = Recogniser(*self._options)
        found = context = None
        for arg in (*args, *kwargs.values()):
            if type(arg) is dict or isinstance(arg, Mapping):
                found = found or self._recogniser.find(arg)
            elif hasattr(arg, 'get_remaining_time_in_millis'):
                context = arg
        if found is None:
            if not process.must_ask(self._references):
                return None
            return functools.partial(process.prepare, self._references, context)

        def follow() -> dict[str, Any] | None:
            from . import _rotation

            answer = _rotation.follow(found, time_left(context))
            if answer is None and process.must_ask(self._references):
                process.prepare(self._references, context)
            return answer

        return follow

    def refresh(self) -> bool:
        """Has the secrets fetched anew, for code whose credential was refused. Returns whether there is another version.
        However often it is called, Secrets Manager is asked at most once a second.
        """
        if pretended():
            return False
        from . import _rotation

        end = monotonic() + PATIENCE
        ids = dict.fromkeys(reference.id for reference in self._references)
        changed = [_rotation.refresh(id, end) for id in ids]
        process.renew(end)
        return any(changed)


def configured(secrets_key: str) -> str:
    """The references in the variable of that name; where nothing else is said, in the one that the extension reads too."""
    text = os.environ.get(secrets_key, '')
    if not text and secrets_key == 'SECRET':
        text = os.environ.get(os.environ.get('SECRETS_KEY') or 'SECRET', '')
    return text


def pretended() -> Record | None:
    """The record of SECRETS_FAKE, with the environment made of it, where that counts."""
    text = os.environ.get('SECRETS_FAKE')
    if not text:
        return None
    from . import _fake

    fake = _fake.read(text)
    if fake:
        process.pretend(fake)
    return fake


def join(records: list[tuple[Reference, Record]]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for reference, record in records:
        entries.update(reference.members(record))
    return entries


def is_async(handler: Any) -> bool:
    """Whether a call of it returns a coroutine. inspect says the same, and takes ten milliseconds to import."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    for function in (handler, getattr(handler, '__call__', None)):
        code = getattr(getattr(function, '__func__', function), '__code__', None)
        if code is not None and code.co_flags & 0x80:  # CO_COROUTINE
            return True
    return False


async def off_loop(work: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    """Does the work in a thread where a loop runs, which serves others meanwhile."""
    asyncio = sys.modules.get('asyncio')
    if asyncio is None:
        return work()
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return work()
    answer: dict[str, Any] | None = await loop.run_in_executor(None, work)
    return answer
