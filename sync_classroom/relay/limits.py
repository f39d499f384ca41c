"""How often one address may ask: a token bucket for each, in a table that cannot grow."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

#: 48 classrooms behind one address translate to three requests each at the bell and again after a
#: relay restart; ten times that is not a school.
BURST: Final = 1500
#: A session costs about 3 ms of the relay's processor.
PER_SECOND: Final = 60.0
#: Beyond this many addresses the one longest silent is forgotten, to its advantage.
MAX_ADDRESSES: Final = 4096


class RateLimiter:
    """Token buckets by key. `clock` gives monotonic seconds."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        burst: int = BURST,
        per_second: float = PER_SECOND,
        max_keys: int = MAX_ADDRESSES,
    ) -> None:
        self._clock = clock
        self._burst = burst
        self._per_second = per_second
        self._max_keys = max_keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.refused = 0

    def wait_s(self, key: str) -> int:
        """Take one request from the key's bucket: 0, or the whole seconds to wait for the next."""
        now = self._clock()
        tokens, at = self._buckets.pop(key, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - at) * self._per_second)
        allowed = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if allowed else tokens, now)
        if len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)
        if allowed:
            return 0
        self.refused += 1
        return max(1, math.ceil((1.0 - tokens) / self._per_second))
