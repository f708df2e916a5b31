"""SECRETS_FAKE: a JSON object in place of the secrets, for unit tests of handlers."""

from __future__ import annotations

from ._endpoint import SecretsError, in_lambda
from ._secret import Record, Reference
from ._spelling import members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_last: tuple[str, Record] | None = None
_warned = False


def read(text: str) -> Record | None:
    """The record that stands in for the secrets. In Lambda it never counts, and the log says so."""
    global _last, _warned
    if in_lambda():
        if not _warned:
            _warned = True
            from ._process import log

            log('warning', 'SECRETS_FAKE is for tests: in Lambda it is not used')
        return None
    last = _last
    if last is None or last[0] != text:
        record = Record(text)
        if record.object is None:
            raise SecretsError('SECRETS_FAKE: the value is not a JSON object')
        last = _last = (text, record)
    return last[1]


def parts(fake: Record, references: Iterable[Reference]) -> list[tuple[Reference, Record]]:
    """What SECRETS_FAKE has for references: an entry that is an object, under the id of a secret, is that secret."""
    found = []
    raw = dict(members(fake.text)) if isinstance(fake.text, str) and fake.object else {}
    for reference in references:
        if raw.get(reference.id, '').startswith('{'):
            found.append((reference, Record(raw[reference.id])))
    return found
