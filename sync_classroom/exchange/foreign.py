"""Timetables of other programs as records with the fields of our own template.

A record's `rooms` and `classes` are all of a lesson's: which of them host and which listen is
decided by whose they are in our roster.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ..domain.import_rows import FileKind
from .cells import weekday
from .markup import attribute, child_text
from .refusals import refusal

Record = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Foreign:
    """The lessons of one file, in its order."""

    kind: FileKind
    records: tuple[Record, ...]


def read_foreign(root: Element) -> Foreign:
    """What an aSc or FET file says; ProblemError for any other XML."""
    name = root.tag.lower()
    if name == "timetable" and root.find("cards") is not None and root.find("lessons") is not None:
        return Foreign(FileKind.ASC, tuple(_asc(root)))
    if name == "fet":
        return Foreign(FileKind.FET, tuple(_fet(root)))
    if name == "activities_timetable":
        raise refusal("file_fet_places")
    raise refusal("file_xml_unknown", name[:80])


# ---------------------------------------------------------------------------- aSc Timetables


def _asc(root: Element) -> Iterable[Record]:
    names = {
        table: _asc_names(root, table)
        for table in ("subjects", "teachers", "classrooms", "classes")
    }
    lessons = {attribute(x, "id"): x for x in root.iterfind("lessons/lesson")}
    from_one = "daynumbering1" in root.get("options", "")
    cards: dict[tuple[str, str, str], dict[int, Element]] = defaultdict(dict)
    placed = set()
    for card in root.iterfind("cards/card"):
        lesson = attribute(card, "lessonid")
        period = attribute(card, "period")
        if lesson not in lessons or not _is_number(period):
            continue
        placed.add(lesson)
        for day in _asc_days(card, from_one):
            cards[lesson, day, attribute(card, "weeks")].setdefault(int(period), card)
    for (ident, day, weeks), by_period in cards.items():
        lesson_ = lessons[ident]
        length = _at_least_one(
            attribute(lesson_, "periodspercard") or attribute(lesson_, "durationperiods")
        )
        until = -1
        for period_, card in sorted(by_period.items()):
            # Some versions write a card for every period of a double lesson, others one.
            if period_ < until:
                continue
            until = period_ + length
            yield _asc_record(lesson_, card, names) | {
                "weekday": day,
                "period": str(period_),
                "span": str(length),
                "weeks": _asc_weeks(weeks),
            }
    for ident, lesson_ in lessons.items():
        if ident not in placed:
            yield _asc_record(lesson_, lesson_, names)


def _asc_record(
    lesson: Element, card: Element, names: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    def named(element: Element, one: str, table: str) -> list[str]:
        given = attribute(element, f"{one}ids") or attribute(element, f"{one}id")
        return [names[table].get(i, i) for i in given.split(",") if i]

    return {
        "name": attribute(lesson, "id").lstrip("*"),
        "subject": " ".join(named(lesson, "subject", "subjects")),
        "teacher": "、".join(named(lesson, "teacher", "teachers")[:1]),
        # A lesson's rooms are where it might be, a card's where it is.
        "rooms": "、".join(named(card, "classroom", "classrooms")),
        "classes": "、".join(named(lesson, "class", "classes")),
    }


def _asc_names(root: Element, table: str) -> dict[str, str]:
    found = {}
    for element in root.iterfind(f"{table}/*"):
        given, family = attribute(element, "firstname"), attribute(element, "lastname")
        # Chinese names have the family first and nothing between.
        full = f"{given} {family}".strip() if given.isascii() else family + given
        name = attribute(element, "name") or full or attribute(element, "short")
        found[attribute(element, "id")] = name
    return found


def _asc_days(card: Element, from_one: bool) -> list[str]:
    """ISO weekdays of a card: `days="01000"`, or `day="2"` in the format of 2008."""
    if mask := attribute(card, "days"):
        return [str(n + 1) for n, flag in enumerate(mask[:7]) if flag == "1"]
    day = attribute(card, "day")
    if not _is_number(day):
        return []
    number = int(day) + (0 if from_one else 1)
    return [str(number)] if 1 <= number <= 7 else []


def _asc_weeks(mask: str) -> str:
    """Which weeks: `10` is every first of two, `1` every one; as our template writes them."""
    on = [n + 1 for n, flag in enumerate(mask[:60]) if flag == "1"]
    if not on or len(on) == len(mask):
        return ""
    if len(mask) == 2:
        return "单" if on == [1] else "双"
    return " ".join(f"{n}/{len(mask)}" for n in on)


# ---------------------------------------------------------------------------- FET


def _fet(root: Element) -> Iterable[Record]:
    days = _numbers(child_text(d, "Name") for d in root.iterfind("Days_List/Day"))
    hours = _numbers(child_text(h, "Name") for h in root.iterfind("Hours_List/Hour"))
    times, rooms = _fet_places(root)
    for activity in root.iterfind("Activities_List/Activity"):
        if child_text(activity, "Active").lower() == "false":
            continue
        ident = child_text(activity, "Id")
        day, hour = times.get(ident, ("", ""))
        record = {
            "name": ident,
            "subject": child_text(activity, "Subject"),
            "teacher": child_text(activity, "Teacher"),
            "classes": "、".join(_texts(activity, "Students")),
            "rooms": "、".join(rooms.get(ident, ())),
            "span": str(_at_least_one(child_text(activity, "Duration"))),
        }
        if day and hour:
            record |= {"weekday": _weekday(day, days), "period": hours.get(hour, hour)}
        yield record


def _fet_places(root: Element) -> tuple[dict[str, tuple[str, str]], dict[str, tuple[str, ...]]]:
    """By activity: day and hour, and the rooms; the last one that is active counts."""
    times: dict[str, tuple[str, str]] = {}
    for rule in root.iterfind("Time_Constraints_List/ConstraintActivityPreferredStartingTime"):
        if child_text(rule, "Active").lower() != "false":
            day = child_text(rule, "Preferred_Day", "Day")
            times[child_text(rule, "Activity_Id")] = day, child_text(rule, "Preferred_Hour", "Hour")
    rooms: dict[str, tuple[str, ...]] = {}
    for rule in root.iterfind("Space_Constraints_List/ConstraintActivityPreferredRoom"):
        if child_text(rule, "Active").lower() != "false":
            # A virtual room stands for several real ones.
            real = tuple(_texts(rule, "Real_Room"))
            rooms[child_text(rule, "Activity_Id")] = real or tuple(_texts(rule, "Room"))
    return times, rooms


def _weekday(day: str, days: Mapping[str, str]) -> str:
    """By its name if that says so, else by its place: some schools call their days A to E."""
    try:
        return str(weekday(day))
    except ValueError:
        return days.get(day, day)


def _numbers(names: Iterable[str]) -> dict[str, str]:
    """Names by their place in the list, from 1: FET's hours have names such as 08:10."""
    return {name: str(n + 1) for n, name in enumerate(names)}


def _texts(element: Element, name: str) -> list[str]:
    return [text for child in element.iterfind(name) if (text := (child.text or "").strip()[:200])]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4


def _at_least_one(text: str) -> int:
    return max(1, int(text)) if _is_number(text) else 1
