from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from sync_classroom.domain.crediting import SeatState
from sync_classroom.domain.ids import (
    ClassId,
    ClassroomId,
    OccurrenceId,
    SchoolId,
    SeatId,
    TeacherId,
)
from sync_classroom.domain.measures import Figures, Ratio, figures, measured
from sync_classroom.domain.rollup import SeatResult
from sync_classroom.domain.roster import SchoolClass


def seat(occurrence: str = "a", n: int = 0, **more: Any) -> SeatResult:
    """A seat of a 100-second window, held by default; `n` chooses the seat of the lesson."""
    return replace(
        SeatResult(
            occurrence=OccurrenceId(occurrence),
            seat=SeatId(f"{occurrence}-s{n}"),
            date=date(2026, 9, 7),
            school=SchoolId("r"),
            classroom=ClassroomId("xyz"[n]),
            school_class=(ClassId("c1"), ClassId("c2"), None)[n],
            subject="英语",
            host_school=SchoolId("h"),
            teacher=TeacherId("t"),
            periods=2,
            state=SeatState.HELD,
            cause=None,
            credited_s=80,
            adjusted_s=0,
            window_s=100,
            host_s=90,
            present=None,
            expected=33,
            interacted=False,
        ),
        **more,
    )


CLASSES = {
    ClassId(c): SchoolClass(ClassId(c), SchoolId("r"), 3, c, size)
    for c, size in [("c1", 41), ("c2", 42)]
}


def test_a_rate_without_denominator_is_a_dash() -> None:
    assert (str(Ratio(0, 0)), Ratio(0, 0).value) == ("—", None)
    assert (str(Ratio(0, 3)), Ratio(0, 3).value) == ("0.0 %", 0.0)
    assert str(Ratio(241, 250)) == "96.4 %"
    assert Ratio(1, 2) + Ratio(2, 6) == Ratio(3, 8)
    assert Ratio(1, 2).to_dict() == {"numerator": 1, "denominator": 2}


def test_host_figures_count_once_per_occurrence_and_seats_each() -> None:
    found = figures([seat(n=0), seat(n=1), seat("b")])
    assert (found.held_periods, found.host_periods) == (6, 4)
    assert (found.host_s, found.host_rate) == (180, Ratio(180, 200))
    assert (found.credited_s, found.fidelity) == (240, Ratio(240, 270))


def test_only_due_seats_bind_the_host() -> None:
    excused = seat(state=SeatState.CANCELLED_EXCUSED, credited_s=10)
    found = figures([excused, seat("b", state=SeatState.MOVED)])
    assert (found.due_periods, found.host_s, found.held_rate) == (0, 0, Ratio(0, 0))
    assert (found.fidelity, found.credited_s) == (Ratio(0, 0), 90)
    assert (found.cancelled_excused_seats, found.moved_seats) == (1, 1)


def test_partial_seats_are_credited_but_not_held() -> None:
    found = figures([seat(state=SeatState.PARTIAL, credited_s=30, present=40)])
    assert (found.credited_s, found.held_periods, found.host_periods) == (30, 0, 0)
    assert (found.pupil_attendances, found.pupils_reached) == (0, 0)


def test_pupils_are_classes_once_and_attendances_every_time() -> None:
    seats = [seat(present=30), seat("b", present=35), seat("c"), seat("c", n=1)]
    found = figures(seats, CLASSES)
    assert found.pupils_reached == 35 + 42
    assert found.pupil_attendances == 30 + 35 + 33 + 33
    # A seat without a class has attendances, but nobody knows whom it reached.
    assert figures([seat(n=2, present=7)], CLASSES).pupils_reached == 0
    assert figures([seat(n=2, present=7)], CLASSES).pupil_attendances == 7
    assert figures([seat(present=0), seat("b")], CLASSES).pupils_reached == 0


def test_unknown_seats_and_adjustments_are_shown() -> None:
    found = figures([seat(adjusted_s=20, interacted=True), seat(n=1, state=SeatState.UNKNOWN)])
    assert found.evidence_complete == Ratio(1, 2)
    assert found.adjusted_share == Ratio(20, 160)
    assert found.interaction_rate == Ratio(1, 1)


def test_measures_are_written_under_their_code_names() -> None:
    written = measured(figures([seat()]))
    assert set(written) == set(Figures.__slots__)
    assert written["held_rate"] == {"numerator": 2, "denominator": 2}
    assert written["credited_s"] == 80
