"""Whom a push goes to: a rule over roster and timetable, resolved into named targets.

Within one question of a rule any answer will do, between questions all must hold. Classrooms are
found through their seats in the timetable, because that is where it says which class sits in which
room and hears which subject; teachers who are named are targets themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final

from .crediting import SeatState
from .evidence import SeatKey
from .ids import (
    ClassId,
    ClassroomId,
    OccurrenceId,
    SchoolId,
    TargetId,
    TeacherId,
)
from .problems import ProblemError
from .roster import Roster, SchoolRole
from .timetable import Mode, Occurrence, PushTarget

#: The programme has 48 classrooms; a rule that finds more than this is not one of it.
MAX_TARGETS: Final = 1000
#: What a seat is pushed the recording for.
LACKING: Final = frozenset({SeatState.MISSED, SeatState.PARTIAL})


@dataclass(frozen=True, slots=True)
class Rule:
    """Whom to push to; an empty set asks nothing. `lesson`: seats that missed or partly received
    it. Without any answer the rule finds nobody."""

    schools: frozenset[SchoolId] = frozenset()
    grades: frozenset[int] = frozenset()
    subjects: frozenset[str] = frozenset()
    classrooms: frozenset[ClassroomId] = frozenset()
    classes: frozenset[ClassId] = frozenset()
    teachers: frozenset[TeacherId] = frozenset()
    lesson: OccurrenceId | None = None

    @property
    def asks_rooms(self) -> bool:
        """Whether classrooms are meant, and not teachers alone."""
        return any(
            (self.schools, self.grades, self.subjects, self.classrooms, self.classes, self.lesson)
        )

    def to_dict(self) -> dict[str, Any]:
        """As it is stored: lists in order, without what asks nothing."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in values.items()
            if value
        }


def rule_of(values: Mapping[str, Any]) -> Rule:
    """The reverse of `to_dict`."""
    read: dict[str, Any] = {
        name: frozenset(value) if isinstance(value, list) else value
        for name, value in values.items()
    }
    return Rule(**read)


def targets_of(
    rule: Rule,
    roster: Roster,
    lessons: Iterable[Occurrence],
    *,
    on: date,
    states: Mapping[SeatKey, SeatState],
) -> tuple[PushTarget, ...]:
    """Everyone a rule finds, each once, by school, classroom and class; then teachers.

    `lessons` are those of the term `on` lies in and the rule's own; `states` of its seats.
    Classrooms that are not in commission `on` that day, and those of host schools, are passed over.
    """
    found = {_place(roster, *pair) for pair in _rooms(rule, roster, lessons, on, states)}
    rooms = sorted(found, key=lambda t: (t[0], t[1], t[2] or ""))
    targets = [
        PushTarget(TargetId(f"t{n}"), school, classroom, school_class)
        for n, (school, classroom, school_class) in enumerate(rooms, 1)
    ]
    teachers = [roster.teachers[t] for t in sorted(rule.teachers) if t in roster.teachers]
    targets += [
        PushTarget(TargetId(f"t{n}"), teacher.school, teacher=teacher.id)
        for n, teacher in enumerate(teachers, len(targets) + 1)
    ]
    return tuple(targets)


def check_targets(rule: Rule, targets: Collection[PushTarget]) -> None:
    """ProblemError `push_nobody` with the remedy, or `push_everybody` beyond MAX_TARGETS."""
    if not targets:
        if rule.lesson is not None:
            zh = "这节课没有未开或部分收到的教室，不用补推。要推给别的教室，请去掉课次、另选条件。"
            en = (
                "No seat of this lesson was missed or partly received. To push to others, leave the"
                " lesson out and choose by something else."
            )
        elif rule == Rule():
            zh = "还没有选推送给谁。请至少选一所学校、一个年级、学科、班级、教室或教师。"
            en = "Nobody is chosen. Choose a school, grade, subject, class, room or teacher."
        else:
            zh = (
                "没有教室同时符合这些条件。请去掉一个条件；按年级、学科或班级选时，教室须在本学期"
                "课表里有相应的听讲席。"
            )
            en = (
                "No classroom meets all of this. Leave one condition out; by grade, subject or"
                " class only rooms with such seats in this term's timetable are found."
            )
        raise ProblemError("push_nobody", zh, en, field="rule", value=str(rule.to_dict()))
    if len(targets) > MAX_TARGETS:
        raise ProblemError(
            "push_everybody",
            f"一次最多推送给 {MAX_TARGETS} 个对象，现在有 {len(targets)} 个。请分几次推送。",
            f"One order goes to {MAX_TARGETS} targets at most, not {len(targets)}; give several.",
            field="rule",
            value=len(targets),
        )


_Pair = tuple[ClassroomId, ClassId | None]


def _rooms(
    rule: Rule,
    roster: Roster,
    lessons: Iterable[Occurrence],
    on: date,
    states: Mapping[SeatKey, SeatState],
) -> Iterator[_Pair]:
    """Classroom and class of every seat or room that meets the rule."""
    if not rule.asks_rooms:
        return
    if rule.lesson is None and not (rule.grades or rule.subjects or rule.classes):
        pairs: Iterable[_Pair] = ((room, None) for room in roster.classrooms)
    else:
        pairs = _seats(rule, lessons, states)
    for room, school_class in pairs:
        place = roster.classrooms.get(room)
        if place is None or roster.schools[place.school].role is not SchoolRole.REMOTE:
            continue
        known = roster.classes.get(school_class) if school_class else None
        if (
            place.commissioned_on <= on
            and (place.retired_on is None or on < place.retired_on)
            and (not rule.schools or place.school in rule.schools)
            and (not rule.classrooms or room in rule.classrooms)
            and (not rule.classes or school_class in rule.classes)
            and (not rule.grades or (known is not None and known.grade in rule.grades))
        ):
            yield room, school_class


def _seats(
    rule: Rule, lessons: Iterable[Occurrence], states: Mapping[SeatKey, SeatState]
) -> Iterator[_Pair]:
    for lesson in lessons:
        if rule.lesson is not None and lesson.id != rule.lesson:
            continue
        if lesson.mode is not Mode.LIVE or (rule.subjects and lesson.subject not in rule.subjects):
            continue
        for seat in lesson.active_seats:
            if rule.lesson is None or states.get((lesson.id, seat.id)) in LACKING:
                yield seat.classroom, seat.school_class


def _place(
    roster: Roster, room: ClassroomId, school_class: ClassId | None
) -> tuple[SchoolId, ClassroomId, ClassId | None]:
    return roster.classrooms[room].school, room, school_class
