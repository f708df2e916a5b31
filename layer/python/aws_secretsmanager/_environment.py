"""Keeps the variables of the process as they were last told."""

from __future__ import annotations

import os

from ._names import settable


class Environment:
    """The variables that were set here. One thread at a time may use it."""

    __slots__ = ('_ours',)

    def __init__(self) -> None:
        self._ours: dict[str, tuple[str, str | None]] = {}  # the value, and the one that the function's configuration had

    def apply(self, variables: dict[str, str]) -> None:
        """Sets the variables that changed and takes back those that are gone. What may not be set is left out, as the
        extension does.
        """
        variables = {name: value for name, value in variables.items() if settable(name) and '\0' not in value}
        for name, value in variables.items():
            self._set(name, value)
        for name in [name for name in self._ours if name not in variables]:
            self._take_back(name)

    def _set(self, name: str, value: str) -> None:
        own = self._ours.get(name)
        if own and own[0] == value:
            return
        before = own[1] if own else os.environ.get(name)
        if not own and before == value:
            before = None  # the exec wrapper has set it: there is no configuration to come back to
        os.environ[name] = value
        self._ours[name] = (value, before)

    def _take_back(self, name: str) -> None:
        value, before = self._ours.pop(name)
        if os.environ.get(name) != value:
            return  # the function has set it since: it is no longer ours
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
