"""The evidence picture's geometry: exact places, gaps with what is known, steps of the crowd."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from sync_classroom.coordinator.views import (
    Interval,
    LessonView,
    SeatTimeline,
    SeatView,
    Timeline,
)
from sync_classroom.domain.facts import SeatMedia
from sync_classroom.domain.floor import Floor
from sync_classroom.domain.ids import FactId, OccurrenceId
from sync_classroom.domain.lesson import OVER, LessonRun, LessonState
from sync_classroom.domain.timetable import Change, ChangeKind
from sync_classroom.web.timeline_chart import Chart, cut, draw, join, length_s, minus
from tests.support.plans import at, lesson
from tests.support.rosters import programme

START, END = at("09:00"), at("09:40")
NOON = at("12:00")


def m(minutes: float) -> datetime:
    """Minutes after the planned start."""
    return START + timedelta(minutes=minutes)


def timeline(
    delivered: Sequence[Sequence[Interval]],
    *,
    host: Sequence[Interval] = ((m(0), m(40)),),
    gaps: Sequence[Interval] = (),
    samples: Sequence[SeatMedia] = (),
    state: LessonState = LessonState.ENDED,
    cancelled: bool = False,
) -> Timeline:
    rooms = ["remote-2-r1", "remote-1-r2", "remote-1-r1"][: len(delivered)]
    changes = (
        (Change(ChangeKind.CANCELLED, m(-60), "admin", "停电", excused=True),) if cancelled else ()
    )
    planned = lesson("o", seats=rooms, changes=changes)
    roster = programme()
    views = tuple(
        SeatView(
            seat=seat,
            classroom=roster.classrooms[seat.classroom],
            school=roster.schools[roster.classrooms[seat.classroom].school],
            school_class=None,
            withdrawn=cancelled,
            online=False,
            receiving=False,
            line="unknown",
            present=None,
            hand_at=None,
            called_on=False,
            path=None,
            rtt_ms=None,
            loss=None,
            selfcheck=None,
            selfcheck_at=None,
        )
        for seat in planned.seats
    )
    view = LessonView(
        planned,
        LessonRun(OccurrenceId("o"), state),
        roster,
        Floor(OccurrenceId("o")),
        END,
        cancelled or state in OVER,
        views,
        host_online=False,
        host_media=False,
    )
    lines = tuple(
        SeatTimeline(seat.id, tuple(spans), 0, 0.0, "missed", None, tuple(samples))
        for seat, spans in zip(planned.seats, delivered, strict=True)
    )
    return Timeline(view, tuple(host), lines, tuple(gaps))


def drawn(*args: object, now: datetime = NOON, **options: object) -> Chart:
    return draw(timeline(*args, **options), now)  # type: ignore[arg-type]


def test_the_axis_is_the_window_with_a_margin_and_places_are_exact() -> None:
    chart = drawn([[(m(10), m(20))]])
    margin = timedelta(minutes=40) * 0.02
    assert (chart.first, chart.last) == (START - margin, END + margin)
    whole = 40 * 1.04
    assert chart.window.x == f"{0.8 / whole * 100:.4f}%"
    assert chart.window.width == f"{40 / whole * 100:.4f}%"
    (bar,) = chart.rows[0].counted
    assert bar.x == f"{10.8 / whole * 100:.4f}%"
    assert bar.width == f"{10 / whole * 100:.4f}%"
    assert bar.seconds == 600


def test_the_axis_grows_to_media_before_and_after_the_plan() -> None:
    chart = drawn([[(m(-5), m(45))]], host=[(m(-6), m(46))])
    assert chart.first < m(-6)
    assert chart.last > m(46)
    (row,) = chart.rows
    assert [(b.from_at, b.to_at) for b in row.counted] == [(m(0), m(40))]
    assert [(b.from_at, b.to_at) for b in row.extra] == [(m(-5), m(0)), (m(40), m(45))]
    assert chart.host_s == 2400
    assert row.delivered_s == 3000


def test_ticks_are_round_clock_times_and_never_too_many() -> None:
    ticks = drawn([[]]).ticks
    assert [t.at.strftime("%H:%M") for t in ticks] == [
        "09:00", "09:05", "09:10", "09:15", "09:20", "09:25", "09:30", "09:35", "09:40",
    ]  # fmt: skip


def test_a_gap_where_nothing_was_sent_says_the_terminal_was_offline() -> None:
    (row,) = drawn([[(m(0), m(10)), (m(20), m(40))]]).rows
    assert [(g.why, g.bar.from_at, g.bar.to_at) for g in row.gaps] == [("offline", m(10), m(20))]


def test_a_gap_where_packets_were_sent_but_not_acknowledged_says_line_and_counts_them() -> None:
    sample = SeatMedia(
        FactId("f"), OccurrenceId("o"), lesson("o", seats=["x"]).seats[0].id,
        m(12), m(14), 1000, 300, 1,
    )  # fmt: skip
    (row,) = drawn([[(m(0), m(10)), (m(20), m(40))]], samples=[sample]).rows
    assert [(g.why, g.bar.from_at, g.bar.to_at) for g in sorted(row.gaps, key=_start)] == [
        ("offline", m(10), m(12)),
        ("line", m(12), m(14)),
        ("offline", m(14), m(20)),
    ]
    (line,) = [g for g in row.gaps if g.why == "line"]
    assert (line.sent, line.acked) == (1000, 300)


def test_a_gap_while_the_host_was_silent_is_the_hosts_even_if_the_line_was_good() -> None:
    chart = drawn([[(m(0), m(40))]], host=[(m(0), m(15)), (m(18), m(40))])
    (row,) = chart.rows
    assert [(g.why, g.bar.seconds) for g in row.gaps] == [("host", 180)]
    assert [(b.from_at, b.to_at) for b in row.extra] == [(m(15), m(18))]
    assert [(b.from_at, b.to_at) for b in chart.host_gaps] == [(m(15), m(18))]


def test_lost_evidence_is_named_before_anything_is_blamed() -> None:
    (row,) = drawn([[(m(0), m(10)), (m(20), m(40))]], gaps=[(m(12), m(15))]).rows
    assert [(g.why, g.bar.seconds) for g in sorted(row.gaps, key=_start)] == [
        ("offline", 120), ("journal", 180), ("offline", 300),
    ]  # fmt: skip


def _start(gap: object) -> datetime:
    return gap.bar.from_at  # type: ignore[attr-defined, no-any-return]


def test_counted_time_and_gaps_fill_the_window_exactly() -> None:
    chart = drawn(
        [[(m(-2), m(7)), (m(9), m(31))]],
        host=[(m(-3), m(20)), (m(22), m(38))],
        gaps=[(m(5), m(8))],
    )
    (row,) = chart.rows
    pieces = [(b.from_at, b.to_at) for b in row.counted]
    pieces += [(g.bar.from_at, g.bar.to_at) for g in row.gaps]
    assert length_s(pieces) == 2400
    assert join(pieces) == [(m(0), m(40))]


def test_a_running_lesson_is_drawn_up_to_now() -> None:
    chart = drawn([[(m(0), m(8))]], host=[(m(0), m(10))], now=m(10), state=LessonState.LIVE)
    (row,) = chart.rows
    assert [(g.bar.from_at, g.bar.to_at) for g in row.gaps] == [(m(8), m(10))]
    assert chart.now_x is not None
    assert not chart.over


def test_a_lesson_still_to_come_has_no_gaps() -> None:
    chart = drawn([[]], host=[], now=m(-30), state=LessonState.PLANNED)
    assert chart.rows[0].gaps == ()
    assert chart.host_gaps == ()
    assert chart.now_x is None


def test_a_cancelled_lesson_blames_nobody() -> None:
    chart = drawn([[]], host=[], cancelled=True)
    assert chart.rows[0].gaps == ()
    assert chart.over


def test_rows_are_by_school_and_classroom_whatever_the_plan_says() -> None:
    chart = drawn([[], [], []])
    assert [r.seat.classroom.id for r in chart.rows] == [
        "remote-1-r1", "remote-1-r2", "remote-2-r1",
    ]  # fmt: skip


def test_the_crowd_steps_with_every_arrival_and_departure() -> None:
    chart = drawn([[(m(0), m(40))], [(m(10), m(20))]])
    assert chart.crowd_most == 2
    left, right = (round(t / 41.6 * 10_000, 1) for t in (0.8, 40.8))
    assert chart.crowd == (
        f"M{left} 100H{left}V50H{round(10.8 / 41.6 * 10_000, 1)}V0H5000V50H{right}V100Z"
    )
    assert drawn([[]]).crowd == ""


@pytest.mark.parametrize(
    ("interval", "taken", "left"),
    [
        ((m(0), m(10)), [], [(m(0), m(10))]),
        ((m(0), m(10)), [(m(0), m(10))], []),
        ((m(0), m(10)), [(m(2), m(3)), (m(3), m(4))], [(m(0), m(2)), (m(4), m(10))]),
        ((m(0), m(10)), [(m(8), m(20)), (m(-5), m(1))], [(m(1), m(8))]),
        (None, [(m(0), m(1))], []),
    ],
)
def test_minus(interval: Interval | None, taken: list[Interval], left: list[Interval]) -> None:
    assert minus(interval, taken) == left


def test_cut_is_half_open() -> None:
    assert cut((m(0), m(10)), m(10), m(20)) is None
    assert cut((m(0), m(10)), m(5), m(20)) == (m(5), m(10))
