"""Spells the values of a JSON object as environment variables have them."""

from __future__ import annotations

import json
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def spell(text: str, object: dict[str, Any]) -> dict[str, str]:
    """Strings without quotes, numbers and booleans exactly as the JSON has them, null empty, what is nested as compact JSON."""
    spelled = {}
    for name, raw in members(text):
        value = object[name]
        if isinstance(value, str):
            spelled[name] = clean(value)
        else:
            spelled[name] = '' if value is None else compact(raw)
    return spelled


def clean(value: str) -> str:
    """Has U+FFFD for each lone surrogate, which JSON can escape and no variable can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode('utf-16-le', 'surrogatepass').decode('utf-16-le', 'replace')
    return value


def compact(raw: str) -> str:
    return re.sub(r'("[^"\\]*(?:\\.[^"\\]*)*")|[ \t\r\n]+', lambda match: match[1] or '', raw)


def members(text: str) -> list[tuple[str, str]]:
    """The members of a valid JSON object, their values as they stand there."""
    decode = json.JSONDecoder().raw_decode
    found = []
    i = skip(text, skip(text, 0) + 1)  # over the brace
    while text[i] != '}':
        name, i = decode(text, i)
        start = skip(text, skip(text, i) + 1)  # over the colon
        _, i = decode(text, start)
        found.append((name, text[start:i]))
        i = skip(text, i)
        if text[i] == ',':
            i = skip(text, i + 1)
    return found


def skip(text: str, i: int) -> int:
    while text[i] in ' \t\r\n':
        i += 1
    return i
