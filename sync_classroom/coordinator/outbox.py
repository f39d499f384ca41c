"""What waits to be sent to one terminal: bounded, and only the latest of what replaces itself."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

# Acks and errors of a burst of 60 commands fit; plan and live states take one place each.
MAX_WAITING: Final = 128

CLOSE_GOING_AWAY: Final = 1001  # RFC 6455 section 7.4.1
CLOSE_POLICY: Final = 1008
CLOSE_TRY_LATER: Final = 1013  # IANA WebSocket close code registry
CLOSE_REVOKED: Final = 4401
CLOSE_REPLACED: Final = 4409


@dataclass(frozen=True, slots=True)
class Farewell:
    """The connection ends with this close code; whatever still waited was sent before."""

    code: int
    reason: str


class Outbox:
    """Filled by anybody on the loop, emptied by the one task that writes to the connection."""

    def __init__(self, *, max_waiting: int = MAX_WAITING) -> None:
        self._max = max_waiting
        self._waiting: OrderedDict[object, Mapping[str, Any]] = OrderedDict()
        self._count = 0
        self._farewell: Farewell | None = None
        self._filled = asyncio.Event()

    @property
    def closing(self) -> bool:
        """Whether the connection is about to end."""
        return self._farewell is not None

    def put(self, message: Mapping[str, Any]) -> bool:
        """Queue a message; False if the connection is ending, now or because it is too slow.

        A `plan` or `pushes` takes the place of a waiting one, a `lesson` or `point` that of the
        same lesson: they are whole states, so a slow terminal skips to the latest and loses
        nothing.
        """
        if self._farewell is not None:
            return False
        key = self._key(message)
        replaced = self._waiting.pop(key, None) is not None
        if not replaced and len(self._waiting) >= self._max:
            self._waiting.clear()
            self.close(CLOSE_TRY_LATER, "terminal reads too slowly")
            return False
        self._waiting[key] = message
        self._filled.set()
        return True

    def close(self, code: int, reason: str, *, last: Mapping[str, Any] | None = None) -> None:
        """End the connection after what waits and `last`; only the first call counts."""
        if self._farewell is not None:
            return
        if last is not None:
            self._count += 1
            self._waiting[self._count] = last
        self._farewell = Farewell(code, reason)
        self._filled.set()

    async def next(self) -> Mapping[str, Any] | Farewell:
        """The next thing to send; the farewell comes last, and again for ever after."""
        while not self._waiting:
            if self._farewell is not None:
                return self._farewell
            self._filled.clear()
            await self._filled.wait()
        return self._waiting.popitem(last=False)[1]

    def _key(self, message: Mapping[str, Any]) -> object:
        kind = message.get("type")
        if kind in ("plan", "pushes"):
            return kind
        if kind == "lesson":
            return ("lesson", message.get("id"))
        if kind == "point":
            return ("point", message.get("lesson"))
        self._count += 1
        return self._count
