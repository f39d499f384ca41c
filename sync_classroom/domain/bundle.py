"""The evidence bundle as data: its plan, facts, rules and terminals' samples in and out.

Whatever is read is refused by MalformedError (a ValueError) that names the record, the field and,
for facts, the line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields as fields_of
from datetime import date, datetime, time
from enum import StrEnum
from types import NoneType
from typing import Any, Final, TypeVar

from .calendar import days_written
from .facts import Fact, parse_fact
from .fields import Fields, MalformedError, shown
from .ids import (
    ID_PATTERN,
    ClassId,
    ClassroomId,
    OccurrenceId,
    PushId,
    SchoolId,
    SeatId,
    SeriesId,
    TargetId,
    TeacherId,
    TermId,
)
from .roster import BellSet, DayException, Roster, Term
from .roster_file import parse_roster, reference
from .rules import DEFAULT, Rules
from .terminal_journal import TerminalSample, parse_sample
from .timetable import (
    Change,
    ChangeKind,
    Host,
    Mode,
    Occurrence,
    Plan,
    Push,
    PushTarget,
    Seat,
    Slot,
)

PLAN_SCHEMA: Final = "sync-classroom/plan/1"
#: The files of a bundle.
PLAN: Final = "plan.json"
FACTS: Final = "facts.ndjson"
RULES: Final = "rules.json"
SNAPSHOT: Final = "snapshot.json"
TERMINALS: Final = "terminals.ndjson"

T = TypeVar("T")


def parse_plan(values: Mapping[str, Any]) -> Plan:
    """Read a plan; fields nobody knows are passed over, references must lead somewhere."""
    root = Fields(values, "plan")
    roster = parse_plan_roster(values)
    return Plan(
        roster,
        {o.id: o for o in read_occurrences(root.items("occurrences"), roster)},
        {p.id: p for p in read_pushes(root.items("pushes"), roster)},
    )


def parse_plan_roster(values: Mapping[str, Any]) -> Roster:
    """Read the roster of a plan, if it is a plan."""
    root = Fields(values, "plan")
    if root.values.get("schema") != PLAN_SCHEMA:
        raise root.wrong("schema", f" {PLAN_SCHEMA}", repr(PLAN_SCHEMA))
    return parse_roster(values, strict=False)


def read_occurrences(items: Iterable[object], roster: Roster) -> Iterator[Occurrence]:
    """Read a plan's occurrences one by one, as they stand in its list; an id twice is refused."""
    root, seen = Fields({}, "plan"), set()
    for n, item in enumerate(items):
        occurrence = _well_formed_lesson(item, roster)
        if occurrence is None:
            occurrence = parse_occurrence(root.record("occurrences", n, item), roster)
        if occurrence.id in seen:
            raise _twice(root.record("occurrences", n, item))
        seen.add(occurrence.id)
        yield occurrence


def read_pushes(items: Iterable[object], roster: Roster) -> Iterator[Push]:
    """Read a plan's pushes one by one, as they stand in its list; an id twice is refused."""
    root, seen = Fields({}, "plan"), set()
    for n, item in enumerate(items):
        fields = root.record("pushes", n, item)
        push = _parse_push(fields, roster)
        if push.id in seen:
            raise _twice(fields)
        seen.add(push.id)
        yield push


def parse_rules(values: Mapping[str, Any]) -> Rules:
    """Read `rules.json`; what it does not mention is as in the default rules.

    Numbers must be 0 or more, ratios at most 1. Unknown names are refused: a figure must not be
    printed under a rule that was not applied.
    """
    root = Fields(values, "rules")
    root.only(*(f.name for f in fields_of(Rules)))
    given: dict[str, Any] = {}
    for name in root.values:
        default = getattr(DEFAULT, name)
        if isinstance(default, str):
            # A version is a label, whether it is written as "2" or 2.
            given[name] = str(root.values[name]) if root.has(name) else root.text(name)
        elif isinstance(default, int):
            given[name] = root.count(name)
        else:
            given[name] = _ratio(root, name)
    return Rules(**given)


def read_facts(lines: Iterable[str | bytes]) -> Iterator[Fact]:
    """Read facts one line at a time, in their order; blank lines are passed over.

    Raises MalformedError naming the line (from 1).
    """
    return _read_lines(lines, parse_fact)


def read_samples(lines: Iterable[str | bytes]) -> Iterator[TerminalSample]:
    """Read terminals' samples like facts."""
    return _read_lines(lines, parse_sample)


def _read_lines(
    lines: Iterable[str | bytes], parse: Callable[[Mapping[str, object]], T]
) -> Iterator[T]:
    decode = json.JSONDecoder().decode
    for number, line in enumerate(lines, start=1):
        if not line or line.isspace():
            continue
        try:
            values = decode(line if isinstance(line, str) else line.decode())
        except (ValueError, RecursionError) as error:
            raise MalformedError(
                f"line {number}",
                None,
                f"不是 JSON：{shown(line)}",
                f"is not JSON ({shown(str(error))}): {shown(line)}",
                value=line,
            ) from None
        try:
            read = parse(values)
        except MalformedError as error:
            raise error.within(f"line {number}") from None
        yield read


def plan_to_dict(plan: Plan) -> dict[str, Any]:
    """The plan as a JSON-able object in the layout of `plan.json`."""
    roster = plan.roster
    return {
        "schema": PLAN_SCHEMA,
        "timezone": roster.timezone,
        "target_classrooms": roster.target_classrooms,
        "schools": [written(s) for s in roster.schools.values()],
        "classrooms": [written(c) for c in roster.classrooms.values()],
        "classes": [written(c) for c in roster.classes.values()],
        "teachers": [written(t) for t in roster.teachers.values()],
        "terms": [record(t) for t in roster.terms.values()],
        "days": [record(d) for d in days_written(roster)],
        "bell_sets": [record(b) for b in roster.bell_sets.values()],
        "occurrences": [written(o) for o in plan.occurrences.values()],
        "pushes": [written(p) for p in plan.pushes.values()],
    }


# `class` cannot be a name in Python.
_RENAMED: Final = {"school_class": "class"}
# Keys the layout did not have from the start: written only where they say something.
_WHERE_SET: Final = frozenset({"slot", "moved_from", "assistant", "withdrawn_at"})


def written(thing: Any) -> dict[str, Any]:
    """A domain value as JSON: its fields, in their order, under the names of the file."""
    named = ((f.name, getattr(thing, f.name)) for f in fields_of(thing))
    return {
        _RENAMED.get(name, name): plain(value)
        for name, value in named
        if value is not None or name not in _WHERE_SET
    }


# Fields that came later are written only where they say something, so that a plan without them
# is the same file as before, with the same SHA-256.
_LATER: Final = ("reason", "name", "valid_from", "valid_to")


def record(thing: DayException | BellSet | Term) -> dict[str, Any]:
    """One record of the calendar as `plan.json` has it."""
    return {
        k: v for k, v in written(thing).items() if v or (k not in _LATER or isinstance(thing, Term))
    }


def plain(value: Any) -> Any:
    """One field of a domain value as JSON."""
    if isinstance(value, tuple):
        return [plain(v) for v in value]
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat("minutes")
    if hasattr(value, "__dataclass_fields__"):
        return written(value)
    return value


def _twice(fields: Fields) -> MalformedError:
    return MalformedError(
        fields.where,
        "id",
        "重复；请给其中一个换编号",
        "appears twice; give one of them another id",
        value=fields.values.get("id"),
    )


def _ratio(root: Fields, name: str) -> float:
    value = root.values[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise root.wrong(name, " 0 到 1 的数", "a number from 0 to 1")
    return float(value)


def _class_or_none(fields: Fields, roster: Roster) -> ClassId | None:
    if not fields.has("class"):
        return None
    return ClassId(reference(fields, "class", roster.classes, "classes"))


def _classroom(fields: Fields, roster: Roster) -> ClassroomId:
    return ClassroomId(reference(fields, "classroom", roster.classrooms, "classrooms"))


def _school(fields: Fields, roster: Roster) -> SchoolId:
    return SchoolId(reference(fields, "school", roster.schools, "schools"))


def _well_formed_lesson(values: Any, roster: Roster) -> Occurrence | None:
    """An unchanged occurrence that has nothing wrong with it, else None.

    A province's plan has a million of them and several million seats, so they are read without
    naming what might be wrong; whoever gets None asks the careful reader, which says it. Ids are
    the roster's own: one text for all that name a thing.
    """
    try:
        # Whatever is rare is left to the careful reader.
        if (
            values.get("changes") not in (None, [])
            or values.get("participants") not in (None, [])
            or values.get("moved_from") is not None
        ):
            return None
        slot = None if values.get("slot") is None else _slot_or_none(Fields(values, "plan"))
        host, term, grade = values["host"], values.get("term"), values.get("grade")
        ident, periods = values["id"], values["periods"]
        title, subject = values["title"], values["subject"]
        starts_at = datetime.fromisoformat(values["starts_at"])
        ends_at = datetime.fromisoformat(values["ends_at"])
        given = values.get("seats")
        seats = () if given is None else tuple([_well_formed_seat(s, roster) for s in given])
        if not (
            type(given) in (list, NoneType)
            and ID_PATTERN.fullmatch(ident)
            and type(title) is type(subject) is str
            and type(periods) is int
            and periods >= 0
            and (grade is None or (type(grade) is int and grade >= 0))
            and starts_at.tzinfo is not None
            and starts_at < ends_at  # TypeError when only one of them is aware
            and (len(seats) < 2 or len({seat.id for seat in seats}) == len(seats))
        ):
            return None
        group = host.get("class")
        return Occurrence(
            id=ident,
            mode=Mode(values["mode"]),
            title=title,
            subject=subject,
            date=date.fromisoformat(values["date"]),
            starts_at=starts_at,
            ends_at=ends_at,
            periods=periods,
            host=Host(
                roster.schools[host["school"]].id,
                roster.classrooms[host["classroom"]].id,
                roster.teachers[host["teacher"]].id,
                None if group is None else roster.classes[group].id,
            ),
            seats=seats,
            grade=grade,
            term=None if term is None else roster.terms[term].id,
            slot=slot,
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _well_formed_seat(values: dict[str, Any], roster: Roster) -> Seat:
    """One of its seats; ValueError, or what comes of a wrong type or name, for a bad one."""
    get = values.get
    ident, group = values["id"], get("class")
    expected, assistant = get("expected"), get("assistant")
    if not ID_PATTERN.fullmatch(ident):
        raise ValueError(ident)
    if expected is not None and (type(expected) is not int or expected < 0):
        raise ValueError(expected)
    return Seat(
        ident,
        roster.classrooms[values["classroom"]].id,
        None if group is None else roster.classes[group].id,
        expected,
        None if assistant is None else roster.teachers[assistant].id,
    )


def parse_occurrence(fields: Fields, roster: Roster) -> Occurrence:
    """One occurrence of a plan; what it refers to must be in the roster."""
    starts_at, ends_at = fields.instant("starts_at"), fields.instant("ends_at")
    if ends_at <= starts_at:
        raise fields.wrong("ends_at", "晚于 starts_at 的时刻", "later than starts_at")
    term = None
    if fields.has("term"):
        term = TermId(reference(fields, "term", roster.terms, "terms"))
    seats = tuple(_parse_seat(each, roster) for each in fields.records("seats"))
    if len({s.id for s in seats}) < len(seats):
        raise fields.wrong("seats", "编号各不相同的听讲席", "seats that all have different ids")
    return Occurrence(
        id=OccurrenceId(fields.ident("id")),
        mode=fields.choice("mode", Mode),
        title=fields.text("title"),
        subject=fields.text("subject"),
        date=fields.day("date"),
        starts_at=starts_at,
        ends_at=ends_at,
        periods=fields.count("periods"),
        host=_parse_host(Fields(fields.values.get("host"), f"{fields.where}, host"), roster),
        seats=seats,
        grade=fields.count_or_none("grade"),
        term=term,
        participants=tuple(
            _parse_participant(fields, t, roster) for t in fields.items("participants")
        ),
        changes=tuple(
            _parse_change(each, {s.id for s in seats})
            for each in fields.records("changes", named_by=None)
        ),
        slot=_slot_or_none(fields),
        moved_from=OccurrenceId(fields.ident("moved_from")) if fields.has("moved_from") else None,
    )


def _slot_or_none(fields: Fields) -> Slot | None:
    if not fields.has("slot"):
        return None
    slot = Fields(fields.values["slot"], f"{fields.where}, slot")
    # A plan has occurrences, not rules: the series lies outside of it.
    return Slot(SeriesId(slot.ident("series")), slot.day("date"), slot.flag("own", default=False))


def _parse_host(fields: Fields, roster: Roster) -> Host:
    return Host(
        _school(fields, roster),
        _classroom(fields, roster),
        TeacherId(reference(fields, "teacher", roster.teachers, "teachers")),
        _class_or_none(fields, roster),
    )


def _parse_seat(fields: Fields, roster: Roster) -> Seat:
    assistant = None
    if fields.has("assistant"):
        assistant = TeacherId(reference(fields, "assistant", roster.teachers, "teachers"))
    return Seat(
        SeatId(fields.ident("id")),
        _classroom(fields, roster),
        _class_or_none(fields, roster),
        fields.count_or_none("expected"),
        assistant,
    )


def _parse_participant(fields: Fields, value: object, roster: Roster) -> TeacherId:
    one = Fields({"participants": value}, fields.where)
    return TeacherId(reference(one, "participants", roster.teachers, "teachers"))


def _parse_change(fields: Fields, seats: set[SeatId]) -> Change:
    kind = fields.choice("kind", ChangeKind)
    seat = None
    if kind is ChangeKind.SEAT_CANCELLED:
        seat = SeatId(reference(fields, "seat", seats, "seats"))
    to = fields.ident_or_none("to")
    return Change(
        kind=kind,
        at=fields.instant("at"),
        by=fields.text("by"),
        reason=fields.text("reason"),
        excused=fields.flag("excused", default=False),
        seat=seat,
        # The other end of a move may lie outside what was exported.
        to=None if to is None else OccurrenceId(to),
    )


def _parse_push(fields: Fields, roster: Roster) -> Push:
    targets = tuple(_parse_target(each, roster) for each in fields.records("targets"))
    if len({t.id for t in targets}) < len(targets):
        raise fields.wrong("targets", "编号各不相同的对象", "targets that all have different ids")
    return Push(
        id=PushId(fields.ident("id")),
        resource=fields.text("resource"),
        subject=fields.text("subject"),
        reason=fields.text("reason"),
        ordered_at=fields.instant("ordered_at"),
        grade=fields.count_or_none("grade"),
        targets=targets,
    )


def _parse_target(fields: Fields, roster: Roster) -> PushTarget:
    classroom = _classroom(fields, roster) if fields.has("classroom") else None
    teacher = None
    if fields.has("teacher"):
        teacher = TeacherId(reference(fields, "teacher", roster.teachers, "teachers"))
    return PushTarget(
        TargetId(fields.ident("id")),
        _school(fields, roster),
        classroom,
        _class_or_none(fields, roster),
        teacher,
        fields.instant("withdrawn_at") if fields.has("withdrawn_at") else None,
    )
