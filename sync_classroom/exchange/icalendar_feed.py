"""A feed's events as iCalendar (RFC 5545): for the same plan the same bytes.

Nothing in it depends on when it is asked for, so that a calendar program that has it already is
told so (ETag, 304) and a proxy's copy can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import icalendar

from ..domain.calendar import week_number
from ..domain.feeds import Event
from ..domain.roster import Roster
from ..domain.timetable import Mode, Seat

REFRESH: Final = timedelta(hours=1)  # as often as the busiest calendar programs ask anyway
_FIRST, _LAST = date(1970, 1, 1), date(2038, 1, 1)
_WORDS: Final = {
    "zh": {
        "cancelled": "停课", "moved": "调课", "research": "教研", "host": "主讲", "class": "班级",
        "seats": "听课", "week": "第{}周", "reason": "原因", "between": " · ", "colon": "：",
        "expected": "应到", "assistant": "助教", "list": "、",
    },
    "en": {
        "cancelled": "Cancelled", "moved": "Moved", "research": "Research", "host": "Host",
        "class": "Class", "seats": "Listening", "week": "Week {}", "reason": "Reason",
        "between": " · ", "colon": ": ", "expected": "expected", "assistant": "assistant",
        "list": ", ",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FeedText:
    """What surrounds the events. `name` is what calendar programs call the calendar, `site` the
    pages' address without a trailing slash, `domain` what makes UIDs the programme's own.
    `at_room` is the classroom a classroom's feed is about."""

    name: str
    language: str
    site: str
    domain: str
    version: str
    at_room: str | None = None


def feed_bytes(events: Sequence[Event], text: FeedText, roster: Roster, zone: ZoneInfo) -> bytes:
    """The whole calendar, CRLF line ends, UTF-8."""
    calendar = icalendar.Calendar()
    calendar.add("prodid", f"-//sync-classroom//{text.version}//{text.language.upper()}")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("name", text.name)
    calendar.add("x-wr-calname", text.name)
    calendar.add("x-wr-timezone", zone.key)
    calendar.add("refresh-interval", REFRESH, parameters={"value": "DURATION"})
    calendar.add("x-published-ttl", f"PT{REFRESH // timedelta(hours=1)}H")
    calendar.add_component(_timezone(zone.key))
    for event in events:
        calendar.add_component(_event(event, text, roster, zone))
    made: bytes = calendar.to_ical()
    return made


@cache
def _timezone(key: str) -> icalendar.Timezone:
    """Every rule of the zone that a date of a lesson can meet."""
    return icalendar.Timezone.from_tzinfo(ZoneInfo(key), key, _FIRST, _LAST)


def _event(event: Event, text: FeedText, roster: Roster, zone: ZoneInfo) -> icalendar.Event:
    lesson = event.occurrence
    made = icalendar.Event()
    made.add("uid", f"{event.uid}@{text.domain}")
    made.add("dtstamp", event.changed_at.astimezone(UTC))
    made.add("last-modified", event.changed_at.astimezone(UTC))
    made.add("sequence", event.sequence)
    made.add("dtstart", lesson.starts_at.astimezone(zone))
    made.add("dtend", lesson.ends_at.astimezone(zone))
    made.add("summary", _summary(event, text))
    made.add("location", _location(event, text, roster))
    made.add("description", _description(event, text, roster, zone))
    made.add("status", "CANCELLED" if event.cancelled else "CONFIRMED")
    made.add("transp", "TRANSPARENT" if event.cancelled else "OPAQUE")
    made.add("categories", [lesson.subject])
    made.add("url", f"{text.site}/lessons/{lesson.id}")
    return made


def _summary(event: Event, text: FeedText) -> str:
    lesson, words = event.occurrence, _WORDS[text.language]
    what = lesson.subject
    if lesson.title not in ("", lesson.subject):
        what += words["between"] + lesson.title
    if lesson.mode is Mode.RESEARCH:
        what = words["research"] + words["between"] + what
    if event.cancelled:
        return words["cancelled"] + words["colon"] + what
    return words["moved"] + words["colon"] + what if event.moved else what


def _location(event: Event, text: FeedText, roster: Roster) -> str:
    """Where its reader has to be: the classroom of its own feed, else where the host is."""
    return _room(text.at_room or event.occurrence.host.classroom, roster)


def _room(ident: str, roster: Roster) -> str:
    room = next((c for c in roster.classrooms.values() if c.id == ident), None)
    return ident if room is None else f"{roster.schools[room.school].name} {room.name}"


def _description(event: Event, text: FeedText, roster: Roster, zone: ZoneInfo) -> str:
    lesson, words = event.occurrence, _WORDS[text.language]

    def line(word: str, value: str) -> str:
        return words[word] + words["colon"] + value

    teacher = roster.teachers.get(lesson.host.teacher)
    lines = [
        line(
            "host",
            f"{_room(lesson.host.classroom, roster)} {teacher.name if teacher else ''}".strip(),
        )
    ]
    if lesson.host.school_class in roster.classes:
        lines.append(line("class", roster.classes[lesson.host.school_class].name))  # type: ignore[index]  # None is in no roster
    shown = [s for s in event.seats if event.cancelled or not lesson.seat_withdrawn(s.id)]
    lines += [line("seats", _seat(s, words, roster)) for s in shown]
    term = roster.terms.get(lesson.term) if lesson.term is not None else None
    if term is not None:
        week = week_number(term, lesson.starts_at.astimezone(zone).date())
        lines.append(f"{term.name} {words['week'].format(week)}")
    if event.reason:
        lines.append(line("reason", event.reason))
    return "\n".join(lines)


def _seat(seat: Seat, words: dict[str, str], roster: Roster) -> str:
    details = []
    if seat.school_class in roster.classes:
        details.append(roster.classes[seat.school_class].name)  # type: ignore[index]  # see above
    if seat.expected is not None:
        details.append(f"{words['expected']} {seat.expected}")
    if seat.assistant in roster.teachers:
        details.append(f"{words['assistant']} {roster.teachers[seat.assistant].name}")  # type: ignore[index]  # see above
    room = _room(seat.classroom, roster)
    return f"{room} ({words['list'].join(details)})" if details else room
