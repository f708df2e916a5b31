"""Recognises what may be a rotation event. The extension decides whether it is one; what is surely none is told by a few
comparisons, and never turned into text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Found = tuple[str, str] | Mapping[str, Any]


class Recogniser:
    """Recognises events as the extension does, the custom one by the options of this function."""

    def __init__(self, source: str | None, detail_type: str | None, detail_key: str | None) -> None:
        self._options = (source, detail_type, detail_key)
        self._own = False  # the options differ from what the extension waits for
        self._settings = ('', '', '')

    def find(self, event: Mapping[str, Any]) -> Found | None:
        """None for an event of the handler. An event for the extension to look at, or the secret's id and its new version
        ('' if there is none) for one that only the options of this function recognise.
        """
        if 'Records' in event:
            records = event['Records']
            return self._batch(event, records) if isinstance(records, list) and records else None
        detail = event.get('detail')
        if not isinstance(event.get('detail-type'), str) or not isinstance(detail, Mapping):
            return None
        self._configure()
        custom = self._custom(event)
        if custom:
            return custom if self._own else event
        if event.get('source') == 'aws.secretsmanager' or detail.get('eventSource') == 'secretsmanager.amazonaws.com':
            return event
        return None

    def _configure(self) -> None:
        """The variables that the extension reads too say what it waits for."""
        defaults = (('SOURCE', 'secretsmanager'), ('DETAIL_TYPE', 'Secret Rotation'), ('DETAIL_KEY', 'secretId'))
        extension = [os.environ.get(f'SECRETS_ROTATION_{name}') or default for name, default in defaults]
        source, detail_type, detail_key = (option or other for option, other in zip(self._options, extension))
        self._settings = (source, detail_type, detail_key)
        self._own = list(self._settings) != extension

    def _custom(self, event: Mapping[str, Any]) -> tuple[str, str] | None:
        source, detail_type, detail_key = self._settings
        if event.get('source') != source or event.get('detail-type') != detail_type:
            return None
        detail = event.get('detail')
        if not isinstance(detail, Mapping):
            return None
        id, version = detail.get(detail_key), detail.get('versionId')
        if not isinstance(id, str) or not id:
            return None
        return id, version if isinstance(version, str) and detail_key != 'versionId' else ''

    def _batch(self, event: Mapping[str, Any], records: list[Any]) -> Found | None:
        """A batch of SNS or SQS is a rotation event only if every record is one: the handler never sees it then, and a
        message of another kind would be lost.
        """
        self._configure()
        texts = [text_of(record) for record in records]
        if not all(self._may_tell(text) for text in texts):
            return None
        return {'Records': [{'body': self._translated(text)} for text in texts]} if self._own else event

    def _may_tell(self, text: Any) -> bool:
        """Whether a text has the words without which no event is a rotation. Letters and the hyphen stay what they are
        however deep JSON is wrapped in strings, unless a writer spells them as escapes: then nothing can be said.
        """
        if not isinstance(text, str):
            return False
        source = self._settings[0]
        if 'detail-type' in text and ('secretsmanager' in text or source in text or not plain(source)):
            return True
        return '\\u00' in text and any(f'\\u00{digit}' in text for digit in '234567')

    def _translated(self, text: str) -> str:
        """A custom event that only this function knows, told as the one of AWS, which the extension always knows."""
        try:
            event = json.loads(text)
            if isinstance(event, dict) and isinstance(event.get('Message'), str):
                event = json.loads(event['Message'])
        except (ValueError, RecursionError):
            return text
        custom = self._custom(event) if isinstance(event, dict) else None
        if not custom:
            return text
        id, version = custom
        detail = {'name': id, 'labelUpdated': 'AWSCURRENT', 'versionId': version}
        native = {'source': 'aws.secretsmanager', 'detail-type': 'Secret Label Updated', 'resources': [id], 'detail': detail}
        return json.dumps({**native, 'time': event.get('time')})


def plain(text: str) -> bool:
    """Whether JSON writers leave it alone, or escape it as \\u00xx. They have other ways for the rest."""
    return text.isascii() and text.isprintable() and not any(c in text for c in '"\\/')


def text_of(record: Any) -> Any:
    """What a record carries: the message of SNS, or the body of SQS."""
    if not isinstance(record, Mapping):
        return None
    sns = record.get('Sns')
    return sns.get('Message') if isinstance(sns, Mapping) else record.get('body')
