"""Token buckets for what a stranger may try: sign-in, enrolment, hello. Pure: `now` is given.

One bucket per (purpose, key). The table is bounded: the bucket used least recently goes first, so
whoever floods with many addresses only forgets his own history, at the price of a request each.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

from ..domain.problems import ProblemError, ProblemKind

# 20 000 buckets are about 5 MB; a city's schools come from a few hundred addresses.
MAX_BUCKETS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` tries at once, then one more every `every_s` seconds."""

    burst: int
    every_s: float


# Only failures are kept (success gives its try back), so one address may be a whole school.
SIGN_IN_BY_ADDRESS: Final = Rate(burst=30, every_s=10.0)
# Guessing one account from many addresses: at most 2 890 guesses a day. An attacker can make the
# owner wait 30 s, never lock the account.
SIGN_IN_BY_LOGIN: Final = Rate(burst=10, every_s=30.0)
# 32^8 codes, 15 minutes: 10 tries and one every 30 s find nothing; 48 rooms enrol unhindered.
ENROL_BY_ADDRESS: Final = Rate(burst=10, every_s=30.0)
# Unknown terminal tokens; a room whose token was revoked asks once.
HELLO_BY_ADDRESS: Final = Rate(burst=60, every_s=5.0)
SETUP_BY_ADDRESS: Final = Rate(burst=5, every_s=60.0)
# Calendars nobody was given: 256 random bits are not to be guessed, this only saves the queries.
FEED_BY_ADDRESS: Final = Rate(burst=60, every_s=5.0)
# One calendar: the busiest programs ask every five minutes, and a person presses "refresh" often.
FEED_USE: Final = Rate(burst=30, every_s=60.0)
# One terminal's journal: a message a minute in a lesson; after weeks without a server some dozens.
JOURNAL_BY_TERMINAL: Final = Rate(burst=20, every_s=2.0)
# What a terminal says of pushes: as it goes on, at most every few seconds.
PUSHES_BY_TERMINAL: Final = Rate(burst=30, every_s=2.0)

RATES: Final[Mapping[str, Rate]] = {
    "sign_in": SIGN_IN_BY_ADDRESS,
    "login": SIGN_IN_BY_LOGIN,
    "enrol": ENROL_BY_ADDRESS,
    "hello": HELLO_BY_ADDRESS,
    "setup": SETUP_BY_ADDRESS,
    "feed": FEED_BY_ADDRESS,
    "feed_use": FEED_USE,
    "journal": JOURNAL_BY_TERMINAL,
    "pushes": PUSHES_BY_TERMINAL,
}


def address_key(address: str) -> str:
    """What counts as one address: an IPv4 address, or an IPv6 /64, which one host may own whole."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64)) + "/64"
    return str(parsed)


class Throttle:
    """The buckets of one process."""

    def __init__(
        self, rates: Mapping[str, Rate] = RATES, *, max_buckets: int = MAX_BUCKETS
    ) -> None:
        self._rates = rates
        self._max = max_buckets
        # (purpose, key) -> (tokens left, monotonic seconds when that was true)
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self.refused: dict[str, int] = dict.fromkeys(rates, 0)

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, purpose: str, key: str, now: float) -> float:
        """Use one try; 0.0 if there was one, else seconds until there is (and nothing is used).

        KeyError for a purpose without a rate. `now` is monotonic seconds.
        """
        rate = self._rates[purpose]
        tokens = self._tokens(purpose, key, now)
        granted = tokens >= 1.0
        self._put(purpose, key, tokens - 1.0 if granted else tokens, now)
        if granted:
            return 0.0
        self.refused[purpose] += 1
        return (1.0 - tokens) * rate.every_s

    def give_back(self, purpose: str, key: str, now: float) -> None:
        """Undo one `take` that turned out to be honest."""
        self._put(purpose, key, self._tokens(purpose, key, now) + 1.0, now)

    def require(self, purpose: str, key: str, now: float) -> None:
        """`take`, or raise ProblemError (429) saying how long to wait."""
        wait_s = self.take(purpose, key, now)
        if wait_s > 0.0:
            raise too_many(math.ceil(wait_s))

    def _tokens(self, purpose: str, key: str, now: float) -> float:
        rate = self._rates[purpose]
        tokens, at = self._buckets.get((purpose, key), (float(rate.burst), now))
        return min(float(rate.burst), tokens + max(0.0, now - at) / rate.every_s)

    def _put(self, purpose: str, key: str, tokens: float, now: float) -> None:
        slot = (purpose, key)
        if tokens >= self._rates[purpose].burst:
            self._buckets.pop(slot, None)  # a full bucket is what an absent one means
            return
        self._buckets[slot] = (tokens, now)
        self._buckets.move_to_end(slot)
        if len(self._buckets) > self._max:
            self._buckets.popitem(last=False)


def too_many(wait_s: int) -> ProblemError:
    """The refusal of a throttle, with the time after which trying again helps."""
    return ProblemError(
        "too_many_tries",
        f"尝试次数过多，请在 {wait_s} 秒后再试。",
        f"Too many tries; try again in {wait_s} seconds.",
        kind=ProblemKind.TOO_MANY,
        retry_after_s=wait_s,
    )
