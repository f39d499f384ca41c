"""The bus inside one process: every message to every subscriber of its channel, never waiting."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

RESYNC: Final[Mapping[str, Any]] = {"type": "resync"}
# Messages a subscriber may be behind. One that is further behind reads the truth from the store
# sooner than it would work off the queue: the queue is dropped and a resync takes its place.
QUEUE_LIMIT: Final = 1_000


class LocalBus:
    """`Bus` for one coordinator alone, and the last step of the Redis bus inside each process.

    `overflows` counts how often a subscriber's full queue was dropped. Messages are copied as JSON,
    so that what works here works between processes, and no two subscribers share a value.
    """

    def __init__(self, *, queue_limit: int = QUEUE_LIMIT) -> None:
        self.overflows = 0
        self._queue_limit = queue_limit
        self._closed = False
        # A dict without values keeps subscribers in the order they came.
        self._channels: dict[str, dict[_Mailbox, None]] = {}

    def channels(self) -> tuple[str, ...]:
        """Channels that have a subscriber now."""
        return tuple(self._channels)

    async def publish(self, channel: str, message: Mapping[str, Any]) -> None:
        """Send a JSON-able message to every subscriber of the channel.

        Raises TypeError or ValueError if the message cannot be written as JSON.
        """
        encoded = json.dumps(message, allow_nan=False)
        for mailbox in self._channels.get(channel, ()):
            if not mailbox.put(json.loads(encoded)):
                self.overflows += 1

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[AsyncIterator[Mapping[str, Any]]]:
        """Messages from now on; one task may read them. Ends when the bus is closed."""
        mailbox = _Mailbox(self._queue_limit)
        if self._closed:
            mailbox.close()
        self._channels.setdefault(channel, {})[mailbox] = None
        try:
            yield mailbox
        finally:
            mailbox.close()
            subscribers = self._channels[channel]
            del subscribers[mailbox]
            if not subscribers:
                del self._channels[channel]

    async def close(self) -> None:
        """End every subscription, those to come too."""
        self._closed = True
        for subscribers in self._channels.values():
            for mailbox in subscribers:
                mailbox.close()


class _Mailbox:
    """One subscriber's bounded queue, read with `async for`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._messages: deque[Mapping[str, Any]] = deque()
        self._changed = asyncio.Event()
        self._closed = False

    def put(self, message: Mapping[str, Any]) -> bool:
        """Queue a message; False if the queue was full and a resync replaced all of it."""
        fits = len(self._messages) < self._limit
        if not fits:
            self._messages.clear()
        self._messages.append(message if fits else dict(RESYNC))
        self._changed.set()
        return fits

    def close(self) -> None:
        """End the iteration at once; what is still queued is not wanted any more."""
        self._closed = True
        self._messages.clear()
        self._changed.set()

    def __aiter__(self) -> AsyncIterator[Mapping[str, Any]]:
        return self

    async def __anext__(self) -> Mapping[str, Any]:
        while not self._messages:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._messages.popleft()
