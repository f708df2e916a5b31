"""Follows rotations. It is imported when the first one comes."""

from __future__ import annotations

import json
from time import monotonic

from ._endpoint import RotationError, SecretsError, quote
from ._process import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._event import Found

MAX_EVENT = 7 << 20  # bytes; the extension takes no larger one, and Lambda sends none


def follow(found: Found, seconds: float) -> dict[str, Any] | None:
    """Has the extension renew the secrets that an event tells of, then renews the process. Returns the answer to the
    invocation, or None if the extension holds none of them.
    """
    end = monotonic() + seconds
    try:
        be_held(end)
        answer = tell(found, end)
        if not answer.get('rotated'):
            return None
        process.renew(end)
    except SecretsError as err:
        raise RotationError(str(err), err.status, err.type, err.temporary) from None
    process.report(None)
    return answer


def be_held(end: float) -> None:
    """The extension follows rotations of secrets that it has been asked for, which after the restore of a snapshot it may
    not have been.
    """
    for reference in process.references:
        if reference.id not in process.records:
            try:
                process.fetch(reference.id, end)
            except SecretsError as err:
                if err.temporary or err.status is None:
                    raise


def tell(found: Found, end: float) -> dict[str, Any]:
    if isinstance(found, tuple):
        id, version = found
        target = f'/rotation?secretId={quote(id)}' + (f'&versionId={quote(version)}' if version else '')
        return process.endpoint.call('POST', target, end).json(f'rotation of {id}')
    event = json.dumps(found, ensure_ascii=False, default=dict).encode('utf-8', 'replace')
    if len(event) > MAX_EVENT:
        return {}
    answer = process.endpoint.call('POST', '/rotation', end, body=event)
    return {} if answer.status in (400, 413) else answer.json('rotation')


def refresh(id: str, end: float) -> bool:
    """Has a secret fetched anew, and returns whether the version is another than the one known here."""
    known = process.records.get(id)
    target = f'/refresh?secretId={quote(id)}' + (f'&ifVersion={quote(known.version)}' if known and known.version else '')
    return bool(process.endpoint.call('POST', target, end).json(f'refresh secret {id!r}').get('changed'))
