"""Sets of time as half-open intervals of whole seconds.

A `Spans` is sorted, disjoint, without touching neighbours and without empty intervals; every
function here takes and returns such sets (except `normalise`, which makes one). Seconds are counted
from the Unix epoch, so that they mean the same whatever the offset an instant was written with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

Span = tuple[int, int]
"""`[from, to)` in seconds."""

Spans = tuple[Span, ...]

EMPTY: Final[Spans] = ()

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)


def second_of(at: datetime) -> int:
    """The second an aware instant falls into: parts of a second are cut off."""
    return (at - _EPOCH) // _SECOND


def instant_of(second: int) -> datetime:
    """The instant (UTC) at which a second begins."""
    return _EPOCH + timedelta(seconds=second)


def normalise(spans: Iterable[Span]) -> Spans:
    """Any intervals as a set; those that are empty or run backwards hold nothing."""
    joined: list[Span] = []
    for first, last in sorted(s for s in spans if s[0] < s[1]):
        if joined and first <= joined[-1][1]:
            if last > joined[-1][1]:
                joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return tuple(joined)


def union(a: Spans, b: Spans) -> Spans:
    """Seconds in either set."""
    if not a or not b:
        return a or b
    return normalise((*a, *b))


def intersection(a: Spans, b: Spans) -> Spans:
    """Seconds in both sets."""
    common: list[Span] = []
    i = j = 0
    while i < len(a) and j < len(b):
        first, last = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if first < last:
            common.append((first, last))
        # Whichever ends first cannot meet anything later.
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(common)


def difference(a: Spans, b: Spans) -> Spans:
    """Seconds in `a` and not in `b`."""
    rest: list[Span] = []
    j = 0
    for first, last in a:
        begin = first
        while j < len(b) and b[j][1] <= begin:
            j += 1
        k = j
        while k < len(b) and b[k][0] < last:
            if b[k][0] > begin:
                rest.append((begin, b[k][0]))
            begin = max(begin, b[k][1])
            k += 1
        if begin < last:
            rest.append((begin, last))
    return tuple(rest)


def length(spans: Sequence[Span]) -> int:
    """Seconds in the set."""
    if len(spans) == 1:  # nearly always: what was received without a gap
        ((first, last),) = spans
        return last - first
    return sum(last - first for first, last in spans)


class SpanBuilder:
    """A set that grows, at little cost when intervals come roughly in order.

    Neighbours are joined as they come; what came out of order is put right when it is a fixed
    number of intervals, so memory follows the number of gaps, not the number of samples.
    """

    __slots__ = ("_loose", "_settled")

    _LIMIT: Final = 256

    def __init__(self) -> None:
        self._settled: Spans = EMPTY
        self._loose: list[Span] = []

    def add(self, first: int, last: int) -> None:
        """Put `[first, last)` in."""
        if first >= last:
            return
        loose = self._loose
        if loose and loose[-1][0] <= first <= loose[-1][1]:
            if last > loose[-1][1]:
                loose[-1] = (loose[-1][0], last)
            return
        loose.append((first, last))
        if len(loose) >= self._LIMIT + len(self._settled):
            self._settle()

    def spans(self) -> Spans:
        """The set so far."""
        self._settle()
        return self._settled

    def _settle(self) -> None:
        if self._loose:
            self._settled = normalise((*self._settled, *self._loose))
            self._loose = []
