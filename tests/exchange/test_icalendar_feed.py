"""What calendar programs get: read again by icalendar, and line by line as RFC 5545 wants it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest

from sync_classroom.domain.feeds import Event, FeedKind, Marks, events_of
from sync_classroom.domain.ids import OccurrenceId, TeacherId, TermId
from sync_classroom.domain.timetable import Change, ChangeKind, Mode, Occurrence
from sync_classroom.exchange.icalendar_feed import FeedText, feed_bytes
from tests.support.plans import at, lesson
from tests.support.rosters import programme

ZONE = ZoneInfo("Asia/Shanghai")
TEXT = FeedText("三校①", "zh", "https://class.example", "class.example", "1.2.3", "remote-1-r1")
SEATS = [("remote-1-r1", "remote-1-c3"), ("remote-2-r1", None)]


def _planned(**values: object) -> Occurrence:
    made = lesson("o-1", seats=SEATS, host_class="host-1-c3", expected=42, **values)  # type: ignore[arg-type]
    return replace(made, term=TermId("2026-autumn"), title="Unit 6；家庭, \\ 与\n朋友")


def _made(*lessons: Occurrence, text: FeedText = TEXT, **marks: Marks) -> bytes:
    known = {OccurrenceId(k.replace("_", "-")): v for k, v in marks.items()}
    events = events_of(
        FeedKind.CLASSROOM, "remote-1-r1", {o.id: o for o in lessons}, known, programme()
    )
    return feed_bytes(events, text, programme(), ZONE)


def _read(data: bytes) -> list[icalendar.Event]:
    calendar = icalendar.Calendar.from_ical(data)
    assert calendar.errors == []
    events = list(calendar.walk("VEVENT"))
    assert [e.errors for e in events] == [[] for _ in events]
    return events


def test_event_reads_back_as_it_was_planned() -> None:
    (event,) = _read(_made(_planned(), o_1=Marks(2, at("08:00"))))
    assert event["uid"] == "o-1@class.example"
    assert event["summary"] == "英语 · Unit 6；家庭, \\ 与\n朋友"
    assert event["location"] == "学校 remote-1 1号直播教室"
    assert event["description"].split("\n") == [
        "主讲：学校 host-1 1号直播教室 1老师",
        "班级：3(1)班",
        "听课：学校 remote-1 1号直播教室 (3(1)班、应到 42)",
        "第一学期 第13周",
    ]
    assert (event.start, event.end) == (at("09:00"), at("09:40"))
    assert event["dtstart"].params["tzid"] == "Asia/Shanghai"
    assert (event["sequence"], event["status"], event["transp"]) == (2, "CONFIRMED", "OPAQUE")
    assert event["dtstamp"].dt == event["last-modified"].dt == at("08:00")
    assert event["url"] == "https://class.example/lessons/o-1"


@pytest.mark.parametrize("length", [0, 1, 24, 25, 26, 49, 50, 51, 200])
def test_long_lines_are_folded_between_characters(length: int) -> None:
    data = _made(replace(_planned(), title="课𠮷a" * length, subject="语"))
    assert max(map(len, data.split(b"\r\n"))) <= 75
    for line in data.split(b"\r\n"):
        line.decode()
    (event,) = _read(data)
    assert event["summary"] == ("语 · " + "课𠮷a" * length if length else "语")


def test_text_that_looks_like_calendar_stays_text() -> None:
    evil = "a\r\nEND:VEVENT\r\nBEGIN:VALARM\x00\x07;,\\n\u2028"
    (event,) = _read(_made(replace(_planned(), title=evil)))
    assert event["summary"] == "英语 · a \nEND:VEVENT \nBEGIN:VALARM  ;,\\n\u2028"
    assert event["status"] == "CONFIRMED"


def test_cancelled_lesson_is_kept_as_cancelled() -> None:
    change = Change(ChangeKind.CANCELLED, at("08:00"), "a", "停电")
    (event,) = _read(_made(_planned(changes=[change])))
    assert (event["status"], event["transp"]) == ("CANCELLED", "TRANSPARENT")
    assert event["summary"].startswith("停课：英语")
    assert event["description"].endswith("\n原因：停电")


def test_moved_lesson_is_the_same_event_at_another_time() -> None:
    change = Change(ChangeKind.MOVED, at("08:00"), "a", "调", to=OccurrenceId("o-2"))
    before = _read(_made(_planned()))
    moved = replace(
        _planned(), id=OccurrenceId("o-2"), moved_from=OccurrenceId("o-1"),
        starts_at=at("14:00"), ends_at=at("14:40"),
    )  # fmt: skip
    after = _read(_made(_planned(changes=[change]), moved, o_1=Marks(1, at("08:00"))))
    assert [e["uid"] for e in before] == [e["uid"] for e in after] == ["o-1@class.example"]
    assert (before[0]["sequence"], after[0]["sequence"]) == (0, 1)
    assert after[0].start == at("14:00")
    assert after[0]["summary"].startswith("调课：")


def test_english_feed_has_no_chinese_of_ours() -> None:
    text = replace(TEXT, language="en")
    change = Change(ChangeKind.CANCELLED, at("08:00"), "a", "no power")
    (event,) = _read(_made(_planned(changes=[change]), text=text))
    assert event["summary"].startswith("Cancelled: ")
    assert event["description"].split("\n") == [
        "Host: 学校 host-1 1号直播教室 1老师",
        "Class: 3(1)班",
        "Listening: 学校 remote-1 1号直播教室 (3(1)班, expected 42)",
        "第一学期 Week 13",
        "Reason: no power",
    ]


def test_same_plan_is_the_same_bytes() -> None:
    lessons = [replace(_planned(), id=OccurrenceId(f"o-{n}")) for n in range(5)]
    assert _made(*lessons) == _made(*reversed(lessons))


def test_lines_are_as_the_standard_wants_them() -> None:
    data = _made(_planned())
    assert data.endswith(b"END:VCALENDAR\r\n")
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert max(len(line) for line in data.split(b"\r\n")) <= 75
    lines = data.decode().split("\r\n")
    assert lines[:6] == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//sync-classroom//1.2.3//ZH",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "NAME:三校①",
    ]
    assert {
        "X-WR-CALNAME:三校①",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
    } <= set(lines)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin", "Australia/Lord_Howe"])
def test_zone_travels_whole_and_means_the_same(zone: str) -> None:
    civil = ZoneInfo(zone)
    starts = [datetime(2026, month, 15, 9, 0, tzinfo=civil) for month in range(1, 13)]
    lessons = [
        replace(
            lesson(f"o-{n}", seats=["remote-1-r1"]), starts_at=s, ends_at=s + timedelta(minutes=40)
        )
        for n, s in enumerate(starts)
    ]
    events = [Event(o.id, o, 0, o.starts_at, cancelled=False, moved=False) for o in lessons]
    calendar = icalendar.Calendar.from_ical(feed_bytes(events, TEXT, programme(), civil))
    (table,) = calendar.walk("VTIMEZONE")
    assert table["tzid"] == zone
    own = table.to_tz(lookup_tzid=False)
    for event, start in zip(calendar.walk("VEVENT"), starts, strict=True):
        assert event["dtstart"].dt.replace(tzinfo=own) == start


def test_research_and_substitute_words() -> None:
    meeting = lesson("o-1", mode=Mode.RESEARCH, participants=["remote-1-t1"], subject="教研")
    events = events_of(FeedKind.TEACHER, "remote-1-t1", {meeting.id: meeting}, {}, programme())
    text = replace(TEXT, at_room=None)
    (event,) = _read(feed_bytes(events, text, programme(), ZONE))
    assert event["summary"] == "教研 · 教研 · 课"
    assert event["location"] == "学校 host-1 1号直播教室"


def test_people_and_rooms_the_roster_forgot_are_shown_by_id() -> None:
    gone = replace(_planned(), host=replace(_planned().host, teacher=TeacherId("gone")))
    (event,) = _read(_made(gone))
    assert event["description"].startswith("主讲：学校 host-1 1号直播教室\n")
