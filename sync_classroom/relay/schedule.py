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
    """At most one deadline per key. Setting is O(log n); superseded entries are skipped later.

    The heap holds numbers for keys, so that a key which is gone is not kept by an old deadline.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._current: dict[Key, tuple[float, int]] = {}
        self._keys: dict[int, Key] = {}
        self._order = count()

    def __len__(self) -> int:
        return len(self._current)

    def set(self, key: Key, deadline: float) -> None:
        """Move the key's deadline."""
        current = self._current.get(key)
        if current is not None:
            if current[0] == deadline:
                return
            del self._keys[current[1]]
        entry = deadline, next(self._order)
        self._current[key] = entry
        self._keys[entry[1]] = key
        heapq.heappush(self._heap, entry)
        if len(self._heap) > SLACK + SLACK_PER_KEY * len(self._current):
            self._heap = [entry for entry in self._heap if entry[1] in self._keys]
            heapq.heapify(self._heap)

    def advance_to(self, key: Key, deadline: float) -> None:
        """Make the key's deadline no later than this."""
        current = self._current.get(key)
        if current is None or deadline < current[0]:
            self.set(key, deadline)

    def remove(self, key: Key) -> None:
        """Forget the key."""
        current = self._current.pop(key, None)
        if current is not None:
            del self._keys[current[1]]

    @property
    def next(self) -> float | None:
        """The earliest deadline."""
        while self._heap:
            at, number = self._heap[0]
            if number in self._keys:
                return at
            heapq.heappop(self._heap)
        return None

    def pop_due(self, now: float) -> Iterator[Key]:
        """Keys whose deadline has come; each must be set again to come back."""
        while (at := self.next) is not None and at <= now:
            key = self._keys.pop(heapq.heappop(self._heap)[1])
            del self._current[key]
            yield key
