"""The evidence picture of one lesson as geometry: one time axis, host on top, a bar per seat.

Pure: takes a `Timeline` and an instant, returns places on the axis as percentages, so that the
server draws exact SVG that fits any width. Nothing is rounded away: a bar begins where its sample
begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ..coordinator.views import Interval, SeatTimeline, SeatView, SecondOpinion, Timeline
from ..domain.facts import SeatMedia
from ..domain.intervals import Spans, instant_of
from ..domain.lesson import LessonState
from ..domain.second_opinion import Opinion, SeatOpinion, Verdict

# Paper left and right of everything that happened, as a share of the axis.
_MARGIN: Final = 0.02
_TICK_STEPS_MIN: Final = (1, 2, 5, 10, 15, 30, 60, 120)
# More labels than this run into each other beside a 320 px name column at 1366 px.
_MOST_TICKS: Final = 11
# Height of the attendance figure's own coordinates; the template scales it.
CROWD_HEIGHT: Final = 100
CROWD_WIDTH: Final = 10_000


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time on the axis. `x` and `width` are percentages of it."""

    x: str
    width: str
    kind: str
    from_at: datetime
    to_at: datetime

    @property
    def seconds(self) -> int:
        """Length in whole seconds."""
        return int((self.to_at - self.from_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Gap:
    """Time of the planned window that a seat did not get, and what is known about why.

    `why`: `host` no host media, `journal` evidence lost, `line` sent but not acknowledged
    (`sent`, `acked` packets), `offline` nothing could be sent.
    """

    bar: Bar
    why: str
    sent: int = 0
    acked: int = 0


@dataclass(frozen=True, slots=True)
class SecondRow:
    """What the seat's own terminal says, under its line; nothing counts by it.

    `received` as the terminal has it; `less` is time only the relay counts as received, `more` time
    only the terminal does. All three are empty once its samples were deleted; `said` stays.
    """

    said: SeatOpinion | Opinion
    received: tuple[Bar, ...]
    less: tuple[Bar, ...]
    more: tuple[Bar, ...]
    deleted: bool


@dataclass(frozen=True, slots=True)
class SeatRow:
    """One seat's line: counted time, time received but not counted, gaps, and its second line."""

    seat: SeatView
    line: SeatTimeline
    counted: tuple[Bar, ...]
    extra: tuple[Bar, ...]
    gaps: tuple[Gap, ...]
    delivered_s: int
    second: SecondRow | None


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled instant on the axis."""

    x: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything the picture shows. `crowd` is an SVG path: seats receiving at each instant."""

    first: datetime
    last: datetime
    ticks: tuple[Tick, ...]
    window: Bar
    host: tuple[Bar, ...]
    host_gaps: tuple[Bar, ...]
    journal: tuple[Bar, ...]
    rows: tuple[SeatRow, ...]
    crowd: str
    crowd_most: int
    host_s: int
    window_s: int
    now_x: str | None
    over: bool


class _Axis:
    """Maps instants to percentages of the picture's width."""

    def __init__(self, first: datetime, last: datetime) -> None:
        self.first = first
        self.last = last
        self._length_s = (last - first).total_seconds()

    def share(self, at: datetime) -> float:
        return (min(max(at, self.first), self.last) - self.first).total_seconds() / self._length_s

    def x(self, at: datetime) -> str:
        return _percent(self.share(at))

    def bar(self, interval: Interval, kind: str) -> Bar:
        first, last = interval
        return Bar(self.x(first), _percent(self.share(last) - self.share(first)), kind, first, last)


def _percent(share: float) -> str:
    return f"{share * 100:.4f}%"


def draw(timeline: Timeline, now: datetime) -> Chart:
    """Lay out the evidence of one lesson as known at `now`; seats by school, then classroom."""
    lesson = timeline.view.occurrence
    over = timeline.view.over
    window = (lesson.starts_at, lesson.ends_at)
    seen = window if over else cut(window, lesson.starts_at, now)
    axis = _axis(timeline, now)
    views = {s.seat.id: s for s in timeline.view.seats}
    order = {school: n for n, school in enumerate(timeline.view.roster.schools)}
    rows = tuple(
        _row(axis, timeline, views[line.seat], line, seen)
        for line in sorted(
            timeline.seats,
            key=lambda q: (order[views[q.seat].school.id], views[q.seat].classroom.id),
        )
    )
    crowd, most = _crowd(axis, [line.delivered for line in timeline.seats])
    inside = [i for i in (cut(h, *window) for h in timeline.host) if i is not None]
    return Chart(
        first=axis.first,
        last=axis.last,
        ticks=_ticks(axis),
        window=axis.bar(window, "window"),
        host=tuple(axis.bar(i, "host") for i in timeline.host),
        host_gaps=tuple(axis.bar(i, "gap") for i in minus(seen, timeline.host)),
        journal=tuple(axis.bar(i, "journal") for i in timeline.gaps if _touches(i, axis)),
        rows=rows,
        crowd=crowd,
        crowd_most=most,
        host_s=length_s(inside),
        window_s=length_s([window]),
        now_x=axis.x(now) if not over and axis.first < now < axis.last else None,
        over=over,
    )


def _axis(timeline: Timeline, now: datetime) -> _Axis:
    lesson = timeline.view.occurrence
    first, last = lesson.starts_at, lesson.ends_at
    for intervals in (timeline.host, *(line.delivered for line in timeline.seats)):
        if intervals:
            first, last = min(first, intervals[0][0]), max(last, intervals[-1][1])
    if timeline.view.run.state is LessonState.LIVE:
        last = max(last, min(now, timeline.view.ends_at))
    margin = (last - first) * _MARGIN
    return _Axis(first - margin, last + margin)


def _ticks(axis: _Axis) -> tuple[Tick, ...]:
    minutes = (axis.last - axis.first).total_seconds() / 60
    step = next((s for s in _TICK_STEPS_MIN if minutes / s <= _MOST_TICKS), _TICK_STEPS_MIN[-1])
    midnight = axis.first.replace(hour=0, minute=0, second=0, microsecond=0)
    passed = (axis.first - midnight) // timedelta(minutes=step) + 1
    ticks: list[Tick] = []
    at = midnight + passed * timedelta(minutes=step)
    while at < axis.last and len(ticks) <= 4 * _MOST_TICKS:
        ticks.append(Tick(axis.x(at), at))
        at += timedelta(minutes=step)
    return tuple(ticks)


def _row(
    axis: _Axis, timeline: Timeline, seat: SeatView, line: SeatTimeline, seen: Interval | None
) -> SeatRow:
    counted: list[Interval] = []
    if seen is not None:
        for host in timeline.host:
            within = cut(host, *seen)
            if within is not None:
                counted += [i for i in (cut(d, *within) for d in line.delivered) if i is not None]
    extra = [rest for d in line.delivered for rest in minus(d, counted)]
    gaps = () if seat.withdrawn else tuple(_gaps(axis, timeline, line, minus(seen, counted)))
    return SeatRow(
        seat=seat,
        line=line,
        counted=tuple(axis.bar(i, "counted") for i in counted),
        extra=tuple(axis.bar(i, "extra") for i in extra),
        gaps=gaps,
        delivered_s=length_s(line.delivered),
        second=_second(axis, line.second),
    )


def _second(axis: _Axis, second: SecondOpinion) -> SecondRow | None:
    opinion = second.opinion
    if opinion.verdict is Verdict.NONE:
        return None if second.kept is None else SecondRow(second.kept, (), (), (), deleted=True)

    def bars(spans: Spans, kind: str) -> tuple[Bar, ...]:
        return tuple(axis.bar((instant_of(a), instant_of(b)), kind) for a, b in spans)

    return SecondRow(
        opinion,
        bars(opinion.received, "second"),
        bars(opinion.relay_only, "less"),
        bars(opinion.terminal_only, "more"),
        deleted=False,
    )


def _gaps(
    axis: _Axis, timeline: Timeline, line: SeatTimeline, missing: Iterable[Interval]
) -> Iterator[Gap]:
    """Each stretch that was not received, split where what is known about it changes."""
    for interval in missing:
        for silent in minus(interval, timeline.host):
            yield Gap(axis.bar(silent, "host"), "host")
        heard = [i for i in (cut(h, *interval) for h in timeline.host) if i is not None]
        for part in heard:
            for lost in (cut(g, *part) for g in timeline.gaps):
                if lost is not None:
                    yield Gap(axis.bar(lost, "journal"), "journal")
            for rest in minus(part, timeline.gaps):
                yield from _unreceived(axis, rest, line.samples)


def _unreceived(axis: _Axis, part: Interval, samples: Sequence[SeatMedia]) -> Iterator[Gap]:
    """The host spoke and the journal was whole: was it the line, or was nobody there?"""
    tried = [s for s in samples if s.sent > 0 and s.from_at < part[1] and s.to_at > part[0]]
    spans = join((s.from_at, s.to_at) for s in tried)
    for span in spans:
        within = cut(span, *part)
        if within is not None:
            under = [s for s in tried if s.from_at < within[1] and s.to_at > within[0]]
            yield Gap(
                axis.bar(within, "line"),
                "line",
                sum(s.sent for s in under),
                sum(s.acked for s in under),
            )
    for rest in minus(part, spans):
        yield Gap(axis.bar(rest, "offline"), "offline")


def _crowd(axis: _Axis, lines: Sequence[Sequence[Interval]]) -> tuple[str, int]:
    """A step line of how many seats were receiving; "" if none ever was."""
    steps: dict[datetime, int] = {}
    for line in lines:
        for first, last in line:
            steps[first] = steps.get(first, 0) + 1
            steps[last] = steps.get(last, 0) - 1
    if not steps:
        return "", 0
    top = max(len(lines), 1)
    path: list[str] = []
    most = level = 0
    for at in sorted(steps):
        level += steps[at]
        most = max(most, level)
        x = round(axis.share(at) * CROWD_WIDTH, 1)
        y = round(CROWD_HEIGHT * (1 - level / top), 1)
        path.append(f"{'H' if path else f'M{x:g} {CROWD_HEIGHT}H'}{x:g}V{y:g}")
    return "".join(path) + "Z", most


# ---------------------------------------------------------------------------- intervals


def cut(interval: Interval, first: datetime, last: datetime) -> Interval | None:
    """The part of `interval` inside `[first, last)`, or None."""
    start, end = max(interval[0], first), min(interval[1], last)
    return (start, end) if start < end else None


def join(intervals: Iterable[Interval]) -> list[Interval]:
    """The union, in order, touching intervals joined."""
    joined: list[Interval] = []
    for start, end in sorted(intervals):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def minus(interval: Interval | None, taken: Iterable[Interval]) -> list[Interval]:
    """What is left of `interval` without `taken`."""
    if interval is None:
        return []
    left: list[Interval] = []
    at, end = interval
    for start, stop in join(taken):
        if stop <= at or start >= end:
            continue
        if start > at:
            left.append((at, start))
        at = max(at, stop)
    if at < end:
        left.append((at, end))
    return left


def length_s(intervals: Iterable[Interval]) -> int:
    """Σ lengths in whole seconds."""
    return int(sum((b - a).total_seconds() for a, b in intervals))


def _touches(interval: Interval, axis: _Axis) -> bool:
    return interval[0] < axis.last and interval[1] > axis.first
