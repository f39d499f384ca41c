from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.conflicts import (
    Clash,
    ClashError,
    ResourceKind,
    clashes_in,
    clashes_of,
)
from sync_classroom.domain.ids import OccurrenceId, SeatId
from sync_classroom.domain.problems import ProblemError, ProblemKind
from sync_classroom.domain.timetable import Change, ChangeKind, Mode, Occurrence
from tests.support.naive_clashes import naive_clashes, small_plans
from tests.support.plans import SHANGHAI, at, lesson


def other(ident: str, start: str, end: str, **more: object) -> Occurrence:
    """A lesson that shares nothing with the default lesson but what `more` says."""
    given_: dict[str, object] = {"room": f"{ident}-room", "teacher": f"{ident}-t", **more}
    return lesson(ident, start, end, **given_)  # type: ignore[arg-type]


def resources(clashes: tuple[Clash, ...]) -> list[tuple[str, str]]:
    return [(c.kind.value, c.resource) for c in clashes]


def change(kind: ChangeKind, seat: str | None = None) -> Change:
    return Change(kind, at("08:00"), "admin", "", seat=None if seat is None else SeatId(seat))


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        ({"room": "x"}, {"room": "x"}, [("classroom", "x")]),
        ({"room": "x"}, {"seats": ["x"]}, [("classroom", "x")]),
        ({"seats": ["x"]}, {"seats": ["y", "x"]}, [("classroom", "x")]),
        ({"teacher": "t"}, {"teacher": "t"}, [("teacher", "t")]),
        ({"teacher": "t"}, {"participants": ["t"], "mode": Mode.RESEARCH}, [("teacher", "t")]),
        ({"host_class": "c"}, {"host_class": "c"}, [("class", "c")]),
        ({"host_class": "c"}, {"seats": [("y", "c")]}, [("class", "c")]),
        (
            {"room": "x", "seats": [("y", "c")]},
            {"room": "y", "seats": [("x", "c")]},
            [("class", "c"), ("classroom", "x"), ("classroom", "y")],
        ),
        ({"seats": ["x"]}, {"seats": ["y"]}, []),
    ],
)
def test_clashes_of_names_each_shared_resource_once(
    mine: dict[str, object], theirs: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    a = other("a", "09:00", "09:40", **mine)
    b = other("b", "09:39", "10:20", **theirs)
    found = clashes_of(a, [b])
    assert resources(found) == expected
    assert all(c.occurrences == ("a", "b") for c in found)
    assert all((c.from_at, c.to_at) == (at("09:39"), at("09:40")) for c in found)
    assert clashes_of(b, [a]) == found
    assert clashes_in([b, a]) == found


def test_back_to_back_is_legal_and_a_gap_forbids_it() -> None:
    a, b = lesson("a", "09:00", "09:40"), lesson("b", "09:45", "10:25")
    assert clashes_of(b, [a]) == ()
    assert clashes_of(b, [a], gap_s=300) == ()
    assert clashes_in([lesson("c", "09:40", "10:00"), a]) == ()
    found = clashes_of(b, [a], gap_s=301)
    assert resources(found) == [("classroom", "host-1-r1"), ("teacher", "host-1-t1")]
    assert (found[0].from_at, found[0].to_at) == (at("09:40"), at("09:45"))
    assert clashes_in([a, b], gap_s=301) == found


def test_alternate_weeks_never_clash() -> None:
    odd, even = lesson("a", day="2026-11-23"), lesson("b", day="2026-11-30")
    assert clashes_in([odd, even]) == ()


def test_a_lesson_over_midnight_clashes_with_the_next_morning() -> None:
    late = lesson("a", "23:30", "23:59")
    later = Occurrence(
        **{
            **{f: getattr(late, f) for f in late.__slots__},
            "id": OccurrenceId("b"),
            "ends_at": at("00:30", "2026-11-24"),
        }
    )
    assert len(clashes_of(lesson("c", "00:29", "01:00", day="2026-11-24"), [late, later])) == 2


@pytest.mark.parametrize("kind", [ChangeKind.CANCELLED, ChangeKind.MOVED])
def test_a_withdrawn_occurrence_blocks_nothing(kind: ChangeKind) -> None:
    gone = lesson("a", changes=[change(kind)])
    assert clashes_of(lesson("b"), [gone]) == ()
    assert clashes_of(gone, [lesson("b")]) == ()
    assert clashes_in([gone, lesson("b")]) == ()


def test_a_cancelled_seat_blocks_nothing_and_its_neighbour_still_does() -> None:
    a = other(
        "a",
        "09:00",
        "09:40",
        seats=[("x", "cx"), ("y", "cy")],
        changes=[change(ChangeKind.SEAT_CANCELLED, "a-s0")],
    )
    b = other("b", "09:00", "09:40", seats=[("x", "cx"), ("y", "cy")])
    assert resources(clashes_of(b, [a])) == [("class", "cy"), ("classroom", "y")]


def test_a_lesson_that_ended_early_frees_its_rooms() -> None:
    a, b = lesson("a", "09:00", "09:40"), lesson("b", "09:20", "10:00")
    freed = {OccurrenceId("a"): at("09:20")}
    assert len(clashes_of(b, [a])) == 2
    assert clashes_of(b, [a], freed=freed) == ()
    assert clashes_in([a, b], freed=freed) == ()
    assert len(clashes_of(b, [a], freed={OccurrenceId("a"): at("09:21")})) == 2
    # Ending late never makes a booking longer than it was planned.
    late = {OccurrenceId("a"): at("10:00")}
    assert clashes_of(lesson("c", "09:40", "10:00"), [a], freed=late) == ()


@pytest.mark.parametrize(
    ("booked", "expected"),
    [
        ({"room": "x", "seats": ["x"]}, [("classroom", "x")]),
        ({"seats": ["y", "x", "x", "x"]}, [("classroom", "x")]),
        ({"seats": [("x", "c"), ("y", "c")]}, [("class", "c")]),
        ({"host_class": "c", "seats": [("x", "c")]}, [("class", "c")]),
        ({"teacher": "t", "participants": ["t", "u"], "mode": Mode.RESEARCH}, []),
    ],
)
def test_a_candidate_that_clashes_with_itself(
    booked: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    a = other("a", "09:00", "09:40", **booked)
    assert resources(clashes_of(a, [])) == expected
    assert resources(clashes_in([a])) == expected
    assert all(c.occurrences == ("a", "a") for c in clashes_of(a, []))


def test_an_older_version_of_the_candidate_is_passed_over() -> None:
    assert clashes_of(lesson("a", "09:10", "09:50"), [lesson("a")]) == ()


def test_clashes_come_in_order_of_start_then_id() -> None:
    plan = [lesson(i, f"{h}:00", f"{h + 1}:30") for i, h in [("b", 10), ("a", 11), ("c", 12)]]
    found = clashes_in(reversed(plan))
    assert [c.occurrences for c in found if c.kind is ResourceKind.TEACHER] == [
        ("b", "a"),
        ("a", "c"),
    ]
    assert [c.occurrences for c in clashes_of(plan[1], [plan[2], plan[0]])] == [
        ("b", "a"),
        ("b", "a"),
        ("a", "c"),
        ("a", "c"),
    ]


def test_clash_error_names_resource_and_times() -> None:
    found = clashes_of(lesson("b", "09:20", "10:00"), [lesson("a")])
    error = ClashError(found, names={"host-1-r1": "一号演播室"}, zone=SHANGHAI)
    assert isinstance(error, ProblemError)
    assert (error.kind, error.code) == (ProblemKind.CONFLICT, "booking_clash")
    assert error.clashes == found
    assert error.value == ["host-1-r1", "host-1-t1"]
    assert error.zh == (
        "教室 一号演播室 在 2026-11-23 09:20–09:40 已被占用（课次 a 与 b）；"
        "教师 host-1-t1 在 2026-11-23 09:20–09:40 已被占用（课次 a 与 b）。"
        "请改时间，或换教室、教师或班级。"
    )
    assert str(error) == error.en
    assert error.en.startswith("classroom 一号演播室 is taken at 2026-11-23 09:20–09:40 (lessons")
    assert "09:20–09:40 CST" in ClashError(found).en


def test_clash_error_counts_what_it_does_not_list() -> None:
    found = clashes_of(lesson("b"), [lesson("a"), lesson("c")])
    error = ClashError(found)
    assert len(found) == 4
    assert "另有 1 处冲突" in error.zh
    assert "and 1 more" in error.en
    twice = ClashError(clashes_of(lesson("d", seats=["x", "x"]), []))
    assert "同一课次" in twice.zh
    assert "by the same lesson" in twice.en


@given(small_plans(), st.sampled_from([0, 5]))
def test_clashes_agree_with_counting_minute_by_minute(plan: list[Occurrence], gap: int) -> None:
    found = clashes_in(plan, gap_s=gap * 60)
    as_tuples = [(c.kind.value, c.resource, *c.occurrences) for c in found]
    assert len(set(as_tuples)) == len(as_tuples)
    assert set(as_tuples) == naive_clashes(plan, gap)
    for o in plan:
        mine = tuple(c for c in found if o.id in c.occurrences)
        assert clashes_of(o, plan, gap_s=gap * 60) == mine
