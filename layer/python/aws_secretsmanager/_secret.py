"""Secrets as they were read, and what references make of them."""

from __future__ import annotations

import json

from ._names import is_variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Record:
    """One version of a secret. It is replaced, never changed, and shows no value."""

    __slots__ = ('_spelled', 'etag', 'object', 'text', 'version')

    def __init__(self, text: str | bytes | None, version: str = '', etag: str = '') -> None:
        self.text = text  # bytes of a binary secret; None of one that does not exist any more
        self.version, self.etag = version, etag
        self.object = parse(text) if isinstance(text, str) else None  # None: the value is no JSON object
        self._spelled: dict[str, str] | None = None

    def __repr__(self) -> str:
        return '<secret>'

    def spelled(self) -> dict[str, str]:
        """The members of the object as environment variables have them."""
        if self._spelled is None:
            self._spelled = spell(self.text, self.object) if isinstance(self.text, str) and self.object else {}
        return self._spelled


def record_of(answer: dict[str, Any], etag: str) -> Record:
    """The secret in an answer of /secretsmanager/get."""
    text: str | bytes | None = answer.get('SecretString')
    if text is None and answer.get('SecretBinary') is not None:
        from binascii import a2b_base64

        text = a2b_base64(answer['SecretBinary'])
    return Record(text, answer.get('VersionId') or '', etag)


GONE = Record(None)


def no_number(constant: str) -> None:
    """Refuses NaN and Infinity, which the decoder takes and JSON has not."""
    raise ValueError


def parse(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text, parse_constant=no_number)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def spell(text: str, object: dict[str, Any]) -> dict[str, str]:
    for value in object.values():
        if not isinstance(value, str) or not value.isascii():
            from ._spelling import spell as spell_all  # few secrets need it at their start

            return spell_all(text, object)
    return dict(object)


class Reference:
    """[NAME=]id[#key]: a secret, and the variables that it becomes."""

    __slots__ = ('id', 'key', 'name', 'prefix')

    def __init__(self, id: str, name: str = '', prefix: bool = False, key: str | None = None) -> None:
        self.id, self.name, self.prefix, self.key = id, name, prefix, key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self._all() == other._all()

    def __hash__(self) -> int:
        return hash(self._all())

    def _all(self) -> tuple[object, ...]:
        return (self.id, self.name, self.prefix, self.key)

    def variables(self, record: Record) -> dict[str, str]:
        if self.key is not None:
            spelled = record.spelled()
            return {self.name or self.key: spelled[self.key]} if self.key in spelled else {}
        if self.name and not self.prefix:
            text = decoded(record.text)
            return {} if text is None else {self.name: text}
        return {self.name + key: value for key, value in record.spelled().items()}

    def members(self, record: Record) -> dict[str, Any]:
        """The entries of the mapping, with the types that they have in JSON."""
        object = record.object or {}
        if self.key is not None:
            return {self.name or self.key: object[self.key]} if self.key in object else {}
        if self.name and not self.prefix:
            return {} if record.text is None else {self.name: record.text}
        return {self.name + key: value for key, value in object.items()}


def decoded(text: str | bytes | None) -> str | None:
    if isinstance(text, bytes):
        try:
            return text.decode()
        except UnicodeDecodeError:
            return None
    return text


def references(text: str) -> tuple[Reference, ...]:
    """Reads the references that commas or white space separate. What is wrong with one the extension says."""
    found = []
    for word in text.replace(',', ' ').split():
        name, prefix = '', False
        before, equals, after = word.partition('=')
        if equals and is_variable(before[:-1] if before.endswith('*') else before):
            name, prefix, word = before.rstrip('*'), before.endswith('*'), after
        id, hash, key = word.partition('#')
        if id:
            found.append(Reference(id, name, prefix, key if hash else None))
    return tuple(found)
