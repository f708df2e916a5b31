"""What the process knows of its secrets. There is one environment, hence one of this, whatever many SecretsManagers."""

from __future__ import annotations

import os
from _thread import allocate_lock
from time import monotonic, time

from ._endpoint import Endpoint, SecretsError, in_lambda, quote
from ._environment import Environment
from ._secret import GONE, Record, Reference, record_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

# Seconds.
LOAD = 9.0  # Lambda gives an init ten
RENEW = 0.5  # the extension goes on fetching meanwhile
EVERY = 1.0  # in between, an ordinary invocation asks nothing
PATIENCE = 12.0  # where no invocation sets a deadline; the extension gives up after ten


def log(level: str, message: str, *args: object) -> None:
    import logging  # it is loaded in Lambda, and not everywhere else

    getattr(logging.getLogger('aws_secretsmanager'), level)(message, *args)


def proxied() -> bool:
    """Whether the Runtime API proxy answers rotation events: then nothing here is told of them, and every invocation asks."""
    return os.environ.get('SECRETS_RUNTIME_PROXY', '').lower() == 'on'


def strict() -> bool:
    """Whether the function must not run without its secrets."""
    value = os.environ.get('SECRETS_ON_INIT_ERROR') or 'fail'
    if value.lower() not in ('fail', 'continue'):
        raise SecretsError(f'SECRETS_ON_INIT_ERROR: got {value!r}, want fail or continue')
    return value.lower() == 'fail'


class Process:
    """Secrets by their ids, and the environment that follows them. Threads may share it."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.configured: dict[str, str] | None = None  # the variables of SECRET, None before they were told
        self.generation = 0  # moves with the two above
        self.snapshot = False  # within the init of SnapStart, where nothing is kept
        self.known_restored = False
        self.references: list[Reference] = []  # what is wanted besides; a later one wins
        self._fake: Record | None = None  # what the environment was made of last, if it was that
        self._etag = ''
        self._environment = Environment()
        self._turns = 0  # taken before a question is asked
        self._told: dict[str, int] = {}  # the latest turn whose answer was kept, by secret; '' for SECRET's variables
        self._asked = 0.0  # when, in wall time: in a frozen sandbox the monotonic clock may stand still
        self._failing = False  # the last attempt failed, and the log says so
        self._lock = allocate_lock()  # for all that is above; never held over a request
        self._loading = allocate_lock()  # held by the thread that asks for what all need
        self.endpoint = Endpoint()

    def after_fork(self) -> None:
        """Another thread of the parent may have held the locks, and the parent reads from the connections."""
        self._lock, self._loading = allocate_lock(), allocate_lock()
        self.endpoint.close()

    def want(self, references: Iterable[Reference]) -> None:
        """Adds to the variables that the environment is to follow."""
        mine = list(references)
        with self._lock:
            self.references = [r for r in self.references if r not in mine] + mine
            self._fake = None

    def forget(self, references: Iterable[Reference]) -> None:
        with self._lock:
            self.references = [r for r in self.references if r not in references]

    def restored(self) -> None:
        """The snapshot is behind us: from now on values are kept."""
        self.snapshot, self.known_restored = False, True
        self.endpoint.close()

    # Reading.

    def loaded(self, references: Iterable[Reference]) -> bool:
        """Whether these secrets, and the variables of SECRET, have been told at least once."""
        return self.configured is not None and all(r.id in self.records for r in references)

    def load(self, references: Iterable[Reference], seconds: float) -> None:
        """Waits until they have been told. Threads that come meanwhile wait for the first one."""
        end = monotonic() + seconds
        if not self._loading.acquire(timeout=seconds):
            raise SecretsError('no answer from the secrets extension in time', temporary=True)
        try:
            ids = [r.id for r in references if r.id not in self.records]
            self._ask(ids if self.configured is not None else [*ids, ''], end)
        finally:
            self._loading.release()
        self._asked = time()
        self.report(None)

    def must_ask(self, references: Iterable[Reference]) -> bool:
        """Whether an ordinary invocation has to ask for anything. If so it is its turn, and not that of others beside it."""
        if not self.loaded(references) and strict():
            return True
        with self._lock:
            now = time()
            if 0 <= now - self._asked < EVERY and not proxied():
                return False
            self._asked = now
            return True

    def prepare(self, references: Iterable[Reference], context: Any) -> None:
        """Brings everything up to date for an ordinary invocation. Raises only where the function must not run without its
        secrets and has none; else the values of before stay.
        """
        if self.loaded(references) or not strict():
            self.try_renew()
            return
        try:
            self.load(references, time_left(context))
        except SecretsError as err:
            self.report(err)
            raise SecretsError(f'no secrets: {err}', err.status, err.type, err.temporary) from None

    def try_renew(self) -> None:
        try:
            self.renew(monotonic() + RENEW)
        except SecretsError as err:
            self.report(err)
        else:
            self.report(None)

    def renew(self, end: float) -> None:
        """Asks for everything anew."""
        self._ask([*(r.id for r in self.references), ''], end)
        self._asked = time()

    def _ask(self, ids: list[str], end: float) -> None:
        """Asks for secrets, and for the variables of SECRET where an id is ''. Raises the first error; what the other answers
        tell is kept all the same.
        """
        first: SecretsError | None = None
        for id in dict.fromkeys(ids):
            try:
                if id:
                    self.fetch(id, end)
                else:
                    self.fetch_configured(end)
            except SecretsError as err:
                first = first or err
                if err.status is None:  # nobody answers: the others would wait in vain
                    break
        with self._lock:
            self._apply()
        if first:
            raise first

    def fetch(self, id: str, end: float) -> Record:
        """Asks for one secret, and keeps what it is told unless a snapshot will be taken."""
        turn, known = self._turn(), self.records.get(id)
        target = f'/secretsmanager/get?secretId={quote(id)}'
        answer = self.endpoint.call('GET', target, end, known.etag if known else '')
        if answer.status == 304 and known:
            return known
        try:
            record = record_of(answer.json(f'get secret {id!r}'), answer.headers.get('etag', ''))
        except SecretsError as err:
            if not known or not is_gone(err):
                raise
            if known is not GONE:
                log('warning', 'secret %r is gone, and its variables with it: %s', id, err)
            record = GONE
        with self._lock:
            if not self.snapshot and turn > self._told.get(id, 0):
                self._told[id], self.records[id] = turn, record
                self.generation += 1
        return record

    def fetch_configured(self, end: float) -> dict[str, str]:
        """Asks for the variables of SECRET, as fetch does."""
        turn, known = self._turn(), self.configured
        answer = self.endpoint.call('GET', '/env', end, self._etag)
        if answer.status == 304 and known is not None:
            return known
        variables: dict[str, str] = answer.json('get variables')
        with self._lock:
            if not self.snapshot and turn > self._told.get('', 0):
                self._told[''], self.configured = turn, variables
                self._etag = answer.headers.get('etag', '')
                self.generation += 1
        return variables

    def _turn(self) -> int:
        with self._lock:
            self._turns += 1
            return self._turns

    def _apply(self) -> None:
        """Makes the environment follow; the lock is held."""
        if self.snapshot:
            return
        variables = dict(self.configured or {})
        for reference in self.references:
            record = self.records.get(reference.id)
            if record:
                variables.update(reference.variables(record))
        self._environment.apply(variables)
        self._fake = None

    def pretend(self, fake: Record) -> None:
        """Makes the environment follow SECRETS_FAKE."""
        if fake is self._fake:
            return
        from ._fake import parts

        with self._lock:
            variables: dict[str, str] = {}
            for reference, record in [(Reference(''), fake), *parts(fake, self.references)]:
                variables.update(reference.variables(record))
            self._environment.apply(variables)
            self._fake = fake

    def report(self, err: SecretsError | None) -> None:
        """Logs the outcome of a renewal where it differs from that of the one before."""
        with self._lock:
            if (err is not None) == self._failing:
                return
            self._failing = err is not None
        if err is None:
            log('info', 'secrets are current again')
        elif self.loaded(self.references):
            log('warning', 'secrets are not renewed, the values of before stay: %s', err)
        else:
            log('warning', 'secrets are not loaded: %s', err)


def is_gone(err: SecretsError) -> bool:
    if err.type == 'InvalidRequestException':
        return 'marked ' in str(err) and 'delet' in str(err)
    return err.type == 'ResourceNotFoundException'


def time_left(context: Any) -> float:
    """Seconds that an invocation has, less the time to report its error."""
    ask = getattr(context, 'get_remaining_time_in_millis', None)
    if not callable(ask):
        return PATIENCE
    seconds = float(ask()) / 1000
    return max(seconds - min(seconds / 10, 0.1), 0.001)


process = Process()
os.register_at_fork(after_in_child=process.after_fork)


def in_snapshot() -> bool:
    """Whether this is the init of SnapStart: what is kept now would be in the snapshot, and old after every restore.
    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
    """
    if process.snapshot:
        return True
    if process.known_restored or not in_lambda() or os.environ.get('AWS_LAMBDA_INITIALIZATION_TYPE') != 'snap-start':
        return False
    process.snapshot = True
    try:
        from snapshot_restore_py import register_after_restore  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:  # then the first event tells
        return True
    # It only ends the snapshot: the extension keeps nothing before the first event, so that loads.
    register_after_restore(process.restored)
    return True
