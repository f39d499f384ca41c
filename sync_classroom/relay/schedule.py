"""Deadlines of many things in one heap, so that one timer serves them all."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator
from itertools import count
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

SLACK: Final = 64
SLACK_PER_KEY: Final = 8
"""Superseded entries kept before the heap is built anew: a session moves its deadline some times a
second, and the heap is built anew after about eight moves of each."""


class Schedule(Generic[Key]):
    """At most one deadline per key. Setting is O(log n); superseded entries are skipped later."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Key]] = []
        self._current: dict[Key, float] = {}
        self._order = count()

    def __len__(self) -> int:
        return len(self._current)

    def set(self, key: Key, deadline: float) -> None:
        """Move the key's deadline."""
        if self._current.get(key) == deadline:
            return
        self._current[key] = deadline
        heapq.heappush(self._heap, (deadline, next(self._order), key))
        if len(self._heap) > SLACK + SLACK_PER_KEY * len(self._current):
            self._heap = [
                (at, order, key) for at, order, key in self._heap if self._current.get(key) == at
            ]
            heapq.heapify(self._heap)

    def advance_to(self, key: Key, deadline: float) -> None:
        """Make the key's deadline no later than this."""
        current = self._current.get(key)
        if current is None or deadline < current:
            self.set(key, deadline)

    def remove(self, key: Key) -> None:
        """Forget the key."""
        self._current.pop(key, None)

    @property
    def next(self) -> float | None:
        """The earliest deadline."""
        while self._heap:
            at, _, key = self._heap[0]
            if self._current.get(key) == at:
                return at
            heapq.heappop(self._heap)
        return None

    def pop_due(self, now: float) -> Iterator[Key]:
        """Keys whose deadline has come; each must be set again to come back."""
        while (at := self.next) is not None and at <= now:
            key = heapq.heappop(self._heap)[2]
            del self._current[key]
            yield key
