"""A feed's events as iCalendar (RFC 5545): for the same plan the same bytes.

Nothing in it depends on when it is asked for, so that a calendar program that has it already is
told so (ETag, 304) and a proxy's copy can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import icalendar

from ..domain.calendar import week_number
from ..domain.feeds import Event
from ..domain.ids import ClassroomId
from ..domain.roster import Roster
from ..domain.timetable import Mode, Seat

REFRESH_H: Final = 1  # as often as the busiest calendar programs ask anyway
MAX_OCTETS: Final = 75  # of a line, without its end
_LOCAL, _UTC = "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ"
_FIRST, _LAST = date(1970, 1, 1), date(2038, 1, 1)
_WORDS: Final = {
    "zh": {
        "cancelled": "停课", "moved": "调课", "research": "教研", "off": "取消", "later": "改期",
        "host": "主讲", "leader": "主持", "class": "班级", "seats": "听课", "week": "第{}周",
        "reason": "原因", "between": " · ", "colon": "：", "expected": "应到", "assistant": "助教",
        "list": "、",
    },
    "en": {
        "cancelled": "Cancelled", "moved": "Moved", "research": "Research", "off": "Cancelled",
        "later": "Moved", "host": "Host", "leader": "Leader", "class": "Class",
        "seats": "Listening", "week": "Week {}", "reason": "Reason", "between": " · ",
        "colon": ": ", "expected": "expected", "assistant": "assistant", "list": ", ",
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
    """The whole calendar, CRLF line ends, UTF-8, lines folded at 75 octets."""
    name = _escaped(text.name)
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//sync-classroom//{text.version}//{text.language.upper()}",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"NAME:{name}",
        f"X-WR-CALNAME:{name}",
        f"X-WR-TIMEZONE:{zone.key}",
        f"REFRESH-INTERVAL;VALUE=DURATION:PT{REFRESH_H}H",
        f"X-PUBLISHED-TTL:PT{REFRESH_H}H",
    ]
    made = [b"".join(map(_folded, lines)), _timezone(zone.key)]
    made += [b"".join(map(_folded, _event(event, text, roster, zone))) for event in events]
    return b"".join(made) + b"END:VCALENDAR\r\n"


@cache
def _timezone(key: str) -> bytes:
    """Every rule of the zone that a date of a lesson can meet."""
    made: bytes = icalendar.Timezone.from_tzinfo(ZoneInfo(key), key, _FIRST, _LAST).to_ical()
    return made


def _event(event: Event, text: FeedText, roster: Roster, zone: ZoneInfo) -> list[str]:
    """The lines of one event. Written here and not by the library, which takes a second for a
    school's term in which the loop has to share its processor."""
    lesson = event.occurrence
    changed = event.changed_at.astimezone(UTC).strftime(_UTC)
    starts, ends = (
        at.astimezone(zone).strftime(_LOCAL) for at in (lesson.starts_at, lesson.ends_at)
    )
    return [
        "BEGIN:VEVENT",
        f"UID:{_escaped(event.uid)}@{text.domain}",
        f"DTSTAMP:{changed}",
        f"LAST-MODIFIED:{changed}",
        f"SEQUENCE:{event.sequence}",
        f"DTSTART;TZID={zone.key}:{starts}",
        f"DTEND;TZID={zone.key}:{ends}",
        f"SUMMARY:{_escaped(_summary(event, text))}",
        f"LOCATION:{_escaped(_location(event, text, roster))}",
        f"DESCRIPTION:{_escaped(_description(event, text, roster, zone))}",
        f"CATEGORIES:{_escaped(lesson.subject)}",
        f"STATUS:{'CANCELLED' if event.cancelled else 'CONFIRMED'}",
        f"TRANSP:{'TRANSPARENT' if event.cancelled else 'OPAQUE'}",
        f"URL:{text.site}/{'research' if lesson.mode is Mode.RESEARCH else 'lessons'}/{lesson.id}",
        "END:VEVENT",
    ]


def _escaped(text: str) -> str:
    """TEXT of RFC 5545 section 3.3.11; other control characters have no place in it."""
    bare = "".join(c if (c >= " " and c != "\x7f") or c == "\n" else " " for c in text)
    for sign in ("\\", ";", ","):
        bare = bare.replace(sign, "\\" + sign)
    return bare.replace("\n", "\\n")


def _folded(line: str) -> bytes:
    """A content line, folded between characters (RFC 5545 section 3.1)."""
    data = line.encode("utf-8", "replace")
    pieces, start, width = [], 0, MAX_OCTETS
    while len(data) - start > width:
        end = start + width
        while data[end] & 0xC0 == 0x80:  # not in the middle of a character
            end -= 1
        pieces.append(data[start:end])
        start, width = end, MAX_OCTETS - 1  # the space that goes before it counts
    pieces.append(data[start:])
    return b"\r\n ".join(pieces) + b"\r\n"


def _summary(event: Event, text: FeedText) -> str:
    lesson, words = event.occurrence, _WORDS[text.language]
    what = lesson.subject
    if lesson.title not in ("", lesson.subject):
        what += words["between"] + lesson.title
    cancelled, moved = words["cancelled"], words["moved"]
    if lesson.mode is Mode.RESEARCH:
        what = words["research"] + words["between"] + what
        cancelled, moved = words["off"], words["later"]
    if event.cancelled:
        return cancelled + words["colon"] + what
    return moved + words["colon"] + what if event.moved else what


def _location(event: Event, text: FeedText, roster: Roster) -> str:
    """Where its reader has to be: the classroom of its own feed, else where the host is."""
    return _room(text.at_room or event.occurrence.host.classroom, roster)


def _room(ident: str, roster: Roster) -> str:
    room = roster.classrooms.get(ClassroomId(ident))
    return ident if room is None else f"{roster.schools[room.school].name} {room.name}"


def _description(event: Event, text: FeedText, roster: Roster, zone: ZoneInfo) -> str:
    lesson, words = event.occurrence, _WORDS[text.language]

    def line(word: str, value: str) -> str:
        return words[word] + words["colon"] + value

    teacher = roster.teachers.get(lesson.host.teacher)
    lines = [
        line(
            "leader" if lesson.mode is Mode.RESEARCH else "host",
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
