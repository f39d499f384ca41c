"""A school's line: the hours in which it carries no lessons, and how much pushes may take of it.

Terminals fetch what was pushed to them in quiet hours only, and all terminals of a school together
no faster than its line allows; a person in the classroom may ask for a resource sooner, at the same
rate. A cache inside the school, if it names one, lets a file cross its line once for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from .ids import PushId, SchoolId

_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")
_DAY_MIN: Final = 24 * 60
#: Windows of one day; more are a typing error.
MAX_WINDOWS: Final = 12
#: Of a line's time a coordinator is granted at once: one write a second, and no terminal waits so
#: long for another coordinator's that it takes the line for broken (30 s).
GRANT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Hours:
    """`[start, end)` of every day, in minutes after midnight; `end <= start` ends the next day."""

    start: int
    end: int

    def on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The window that begins on a civil day, as aware instants."""
        return _instant(day, self.start, zone), _instant(
            day, self.end if self.end > self.start else self.end + _DAY_MIN, zone
        )


@dataclass(frozen=True, slots=True)
class Line:
    """Quiet hours of a school, none: never; `kbps` for all its terminals, kbit/s, 0: any.

    `cache` is where its terminals reach a cache of their own, `https://host:port`; empty: none.
    """

    hours: tuple[Hours, ...]
    kbps: int
    cache: str = ""


@dataclass(frozen=True, slots=True)
class Lines:
    """The line of most schools, and of those that have another."""

    general: Line
    hours: Mapping[SchoolId, tuple[Hours, ...]] = field(default_factory=dict)
    kbps: Mapping[SchoolId, int] = field(default_factory=dict)
    caches: Mapping[SchoolId, str] = field(default_factory=dict)

    def of(self, school: SchoolId) -> Line:
        """The line of one school."""
        return Line(
            self.hours.get(school, self.general.hours),
            self.kbps.get(school, self.general.kbps),
            self.caches.get(school, self.general.cache),
        )


@dataclass(frozen=True, slots=True)
class Carried:
    """So many bytes of a push went over a school's line, to its cache or to single terminals."""

    push: PushId
    school: SchoolId
    cached: bool
    bytes: int


def parse_hours(text: str) -> Hours:
    """`17:30-07:30`; `00:00-24:00` is always. Raises ValueError."""
    match = _HOURS.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is no HH:MM-HH:MM")
    start = int(match[1]) * 60 + int(match[2])
    end = _DAY_MIN if match[3] is None else int(match[3]) * 60 + int(match[4])
    if start == end:
        raise ValueError(f"{text[:40]!r} begins when it ends")
    return Hours(start, end)


def quiet_window(
    hours: Sequence[Hours], now: datetime, zone: ZoneInfo
) -> tuple[datetime, datetime] | None:
    """The quiet window `now` lies in, the longest if there are several; else the next one.

    None without any hours.
    """
    today = now.astimezone(zone).date()
    windows = [each.on(today + timedelta(days=days), zone) for each in hours for days in (-1, 0, 1)]
    within = [w for w in windows if w[0] <= now < w[1]]
    if within:
        return max(within, key=lambda w: w[1])
    return min((w for w in windows if w[0] > now), default=None)


class Pace:
    """Spends what was granted of one line at `kbps`, however many send; 0: no limit, no grants.

    Coordinators share a line by grants of `GRANT_S` of its time, one after the other, which the
    store gives out. Whoever sends first reserves its time and waits until it has come, so nobody
    starves.
    """

    def __init__(self, kbps: int) -> None:
        self._kbps = kbps
        self._free_at = 0.0
        self._granted = 0

    def lacks(self, octets: int) -> float:
        """Seconds of the line to be granted before these bytes may be reserved; 0: none."""
        if not self._kbps or octets <= self._granted:
            return 0.0
        return max(GRANT_S, octets * 8 / (self._kbps * 1000))

    def grant(self, for_s: float, wait_s: float, now: float) -> None:
        """So much of the line's time is ours, from `wait_s` after `now` (monotonic seconds) on."""
        self._granted += round(for_s * self._kbps * 125)
        self._free_at = max(self._free_at, now + wait_s)

    def reserve(self, octets: int, now: float) -> float:
        """Seconds to wait before these bytes may go; `now` is monotonic seconds."""
        if not self._kbps:
            return 0.0
        self._granted -= octets
        begin = max(now, self._free_at)
        self._free_at = begin + octets * 8 / (self._kbps * 1000)
        return begin - now


def _instant(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    days, rest = divmod(minutes, _DAY_MIN)
    return datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60), zone)
