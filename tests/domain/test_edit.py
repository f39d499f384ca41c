"""Random editing of drafts: what must hold whatever people do, in whatever order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_classroom.domain.edit import decide, decide_all
from sync_classroom.domain.edit_files import (
    command_from,
    step_from_dict,
    step_to_dict,
)
from sync_classroom.domain.edits import (
    AddLesson,
    AddSeat,
    AddSeries,
    CancelLesson,
    ChangeLesson,
    ChangeSeat,
    ChangeSeries,
    Command,
    DropOvertaken,
    DropSeat,
    FollowCalendar,
    MoveLesson,
    Place,
    RemoveSeries,
    RestoreLesson,
    RestoreSeat,
    Substitute,
    SwapLessons,
)
from sync_classroom.domain.ids import (
    ClassId,
    ClassroomId,
    OccurrenceId,
    SeatId,
    SeriesId,
    TeacherId,
)
from sync_classroom.domain.plan_diff import DiffEntry, diff, from_dict, to_dict
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.roster import DayException
from sync_classroom.domain.series import Series, WeekKind, WeekRule
from sync_classroom.domain.timetable import ChangeKind, Occurrence
from sync_classroom.domain.working_copy import Images, Step, WorkingCopy, overtaken
from tests.support.drafts import TERM, Draft, as_sent, published, rule, seat

WEEKS = (WeekRule(), WeekRule(WeekKind.ODD), WeekRule(WeekKind.EVEN))
ROOMS = ("remote-1-r1", "remote-1-r2", "remote-2-r1")
Action = tuple[int, int, int, int]
ACTIONS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 60), st.integers(0, 60), st.integers(0, 8)),
    max_size=14,
)


def day(n: int) -> date:
    return date(2026, 9, 14) + timedelta(days=n % 30)


def place(a: int, b: int) -> Place:
    return Place(day(a), period=1 + b % 3)


def a_rule(ident: str, a: int, b: int) -> Series:
    placed = (1 + a % 5, 1 + b % 3) if b % 5 else (None, None)
    seats = tuple(seat(r) for r in ROOMS[: 1 + a % 3])
    return rule(ident, *placed, n=1 + b % 2, weeks=WEEKS[a % 3], seats=seats, title=f"T{b % 2}")


def command_of(draft: Draft, action: Action) -> Command | None:
    """The command an action stands for in the draft as it is now; None if it has no object."""
    kind, a, b, c = action
    by = f"n{c}"
    if kind == 0:
        return AddSeries(a_rule(f"new{c}", a, b))
    if kind == 1:
        host = rule().host
        return AddLesson(
            "课", "英语", host.teacher, replace(place(a, b), classroom=host.classroom), (seat(),)
        )
    if kind == 2:
        return FollowCalendar(by)
    series = sorted(draft.copy.series)
    if kind in (3, 4, 5) and series:
        ident = series[c % len(series)]
        if kind == 3:
            return RemoveSeries(ident, by)
        since = None if kind == 4 else day(a)
        old = draft.copy.series[ident]
        return ChangeSeries(replace(a_rule(ident, a, b), first=old.first, last=old.last), since, by)
    lessons = sorted(draft.copy.occurrences)
    if kind < 6 or not lessons:
        return None
    some = lessons
    if kind == 10:
        some = [i for i in lessons if draft.copy.occurrences[i].withdrawn] or lessons
    return _on_lesson(draft.copy.occurrences[some[a % len(some)]], lessons, action)


def _on_lesson(lesson: Occurrence, lessons: list[Any], action: Action) -> Command | None:
    kind, _, b, c = action
    gone = [s.id for s in lesson.seats if lesson.seat_withdrawn(s.id)]
    some_seat = lesson.seats[c % len(lesson.seats)].id if lesson.seats else SeatId("none")
    room = ClassroomId(ROOMS[c % 3])
    commands: dict[int, Command] = {
        6: MoveLesson(lesson.id, place(b, c), "r"),
        7: MoveLesson(lesson.id, Place(lesson.date, period=1 + c % 3)),
        8: SwapLessons(lesson.id, lessons[b % len(lessons)]),
        9: CancelLesson(lesson.id, "r", excused=c % 2 == 0),
        10: RestoreLesson(lesson.id),
        11: Substitute(lesson.id, TeacherId(f"host-1-t{1 + c % 3}"), "r"),
        12: ChangeLesson(lesson.id, title=f"T{c}", school_class=ClassId(f"host-1-c{1 + c % 2}")),
        13: AddSeat(lesson.id, seat(room)),
        14: ChangeSeat(lesson.id, some_seat, expected=b),
        15: DropSeat(lesson.id, some_seat, "r"),
        16: RestoreSeat(lesson.id, gone[0] if gone else some_seat),
    }
    return commands.get(kind)


def around(draft: Draft, action: Action) -> None:
    """What happens around an edit: time passes, the calendar changes, somebody publishes."""
    kind, a, b, c = action
    if kind == 17:
        draft.now += timedelta(hours=a)
    elif kind == 18:
        # Whatever comes too late can be given up, and then nothing stands in the way.
        draft.do(DropOvertaken())
        assert overtaken(draft.copy, draft.now) == ()
        draft.publish()
    elif kind == 19:
        days = {d.date: d for d in draft.roster.days}
        days[day(a)] = DayException(
            None, day(a), teaching=c % 2 == 0, follows_weekday=1 + b % 5, follows_week=2 + c
        )
        draft.roster = replace(draft.roster, days=tuple(days.values()))


def run(draft: Draft, actions: list[Action]) -> None:
    for action in actions:
        around(draft, action)
        command = command_of(draft, action)
        if command is None:
            continue
        assert command_from(json.loads(json.dumps(as_sent(command)))) == command
        before = dict(draft.copy.occurrences), dict(draft.copy.series)
        try:
            step = draft.do(command, by=f"u{action[3] % 2}")
        except ProblemError:
            assert (draft.copy.occurrences, draft.copy.series) == before
        else:
            check_step(draft, step, before[0])
        check_plan(draft)


def check_step(draft: Draft, step: Step, before: Mapping[OccurrenceId, Occurrence]) -> None:
    for ident, image in step.before.occurrences.items():
        assert before.get(ident) == image
        left = draft.copy.occurrences.get(ident)
        assert left != image
        known = draft.base.occurrences.get(ident)
        # A lesson that has begun may only become again what it is known to have been.
        assert known is None or known.starts_at > draft.now or left == known


def check_plan(draft: Draft) -> None:
    slots: set[tuple[SeriesId, date]] = set()
    for ident, lesson in draft.copy.occurrences.items():
        assert lesson.id == ident
        assert len({s.id for s in lesson.seats}) == len(lesson.seats)
        assert lesson.starts_at < lesson.ends_at
        assert TERM.first_day <= lesson.date <= TERM.last_day
        if not lesson.withdrawn:
            assert lesson.active_seats
        for change in lesson.changes:
            if change.kind is ChangeKind.MOVED:
                assert change.to in draft.copy.occurrences
        if lesson.slot is not None and not lesson.withdrawn:
            slot = lesson.slot.series, lesson.slot.date
            assert slot not in slots
            slots.add(slot)
    for known in draft.base.occurrences.values():
        assert known is not None
        now = draft.copy.occurrences[known.id]
        if known.starts_at <= draft.since:
            assert now == known
        # A seat once published is the same room's for ever.
        assert [(s.id, s.classroom) for s in now.seats][: len(known.seats)] == [
            (s.id, s.classroom) for s in known.seats
        ]
        assert (now.starts_at, now.ends_at, now.date) == (
            known.starts_at,
            known.ends_at,
            known.date,
        )


def apply_diff(base: Images, entries: Iterable[DiffEntry]) -> Images:
    """What is published, with a diff laid over it."""
    occurrences, series = dict(base.occurrences), dict(base.series)
    for entry in entries:
        if entry.series is not None:
            assert not isinstance(entry.new, Occurrence)
            series[entry.series] = entry.new
        elif entry.lesson is not None:
            assert not isinstance(entry.new, Series)
            occurrences[entry.lesson] = entry.new
        if entry.to is not None:
            occurrences[entry.to.id] = entry.to
    return Images(occurrences, series)


def three() -> Draft:
    draft = published(
        rule(),
        rule("math", 3, 2, n=2, weeks=WEEKS[1]),
        rule("art", 5, 3, n=3, seats=tuple(seat(r) for r in ROOMS)),
    )
    draft.do(AddSeries(rule("draft", 2, 1, n=4)))
    return draft


@given(actions=ACTIONS)
@settings(max_examples=100)
def test_steps_replayed_from_json_give_what_was_edited_and_undone_give_what_was_published(
    actions: list[Action],
) -> None:
    draft = three()
    run(draft, actions)
    replayed = WorkingCopy(draft.base)
    for step in draft.steps:
        again = step_from_dict(json.loads(json.dumps(step_to_dict(step))))
        assert again == step
        assert replayed.apply(again) == ()
    assert replayed.occurrences == draft.copy.occurrences
    assert replayed.series == draft.copy.series
    for series in draft.copy.series:
        assert replayed.of_series(series) == draft.copy.of_series(series)
    for step in reversed(draft.steps):
        assert draft.copy.revert(step) == ()
    assert draft.copy.occurrences == draft.base.occurrences
    assert draft.copy.series == draft.base.series


@given(actions=ACTIONS)
@settings(max_examples=100)
def test_diff_laid_over_what_is_published_gives_the_draft(actions: list[Action]) -> None:
    draft = three()
    run(draft, actions)
    entries = diff(draft.base, draft.copy)
    laid = apply_diff(draft.base, entries)
    assert {i: o for i, o in laid.occurrences.items() if o} == draft.copy.occurrences
    assert {i: s for i, s in laid.series.items() if s} == draft.copy.series
    read = tuple(from_dict(json.loads(json.dumps(to_dict(e)))) for e in entries)
    assert read == entries


@given(actions=ACTIONS)
@settings(max_examples=100)
def test_following_the_calendar_a_second_time_changes_nothing(actions: list[Action]) -> None:
    draft = three()
    run(draft, actions)
    try:
        draft.do(FollowCalendar("r"))
    except ProblemError:
        return
    again = decide(FollowCalendar("r"), draft.copy, draft.desk())
    assert again.empty


@given(actions=ACTIONS)
@settings(max_examples=100)
def test_ids_are_never_used_for_another_lesson(actions: list[Action]) -> None:
    draft = three()
    said: dict[str, object] = {}
    for action in actions:
        run(draft, [action])
        for ident, lesson in draft.copy.occurrences.items():
            what = lesson.slot.date if lesson.slot else lesson.seats[0].id
            assert said.setdefault(ident, what) == what


@given(actions=ACTIONS)
@settings(max_examples=100)
def test_several_commands_in_one_step_do_what_they_do_one_by_one(actions: list[Action]) -> None:
    draft, together = three(), three()
    commands: list[Command] = []
    for action in actions:
        command = command_of(draft, action)
        if command is None:
            continue
        try:
            draft.do(command)
        except ProblemError:
            continue
        commands.append(command)
    decision = decide_all(commands, together.copy, together.desk())
    step = Step(1, "k", "li", together.now, "several", decision.before, decision.after)
    assert together.copy.apply(step) == ()

    assert together.copy.occurrences == draft.copy.occurrences
    assert together.copy.series == draft.copy.series


def test_several_commands_are_all_taken_or_none() -> None:
    draft = three()
    commands = (AddSeries(rule("new", 2, 3, n=5)), RemoveSeries(SeriesId("none"), "r"))
    before = dict(draft.copy.occurrences)
    with pytest.raises(ProblemError) as caught:
        decide_all(commands, draft.copy, draft.desk())
    assert caught.value.code == "unknown_series"
    assert draft.copy.occurrences == before


def test_later_command_of_one_step_sees_what_an_earlier_one_planned() -> None:
    draft = three()
    new = rule("new", 2, 3, n=5)
    commands = (AddSeries(new), ChangeSeries(replace(new, period=2)), FollowCalendar())
    decision = decide_all(commands, draft.copy, draft.desk())
    lessons = [o for o in decision.after.occurrences.values() if o is not None]
    assert {f"{o.starts_at:%H:%M}" for o in lessons} == {"09:00"}
    assert len(lessons) == 6
    gone = decide_all((AddSeries(new), RemoveSeries(new.id, "r")), draft.copy, draft.desk())
    assert gone.empty
