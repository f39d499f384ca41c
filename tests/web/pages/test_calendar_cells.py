"""What a day is called, and its sentence, in both languages."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request

from sync_classroom.domain.calendar import Calendar, DayAnswer
from sync_classroom.domain.calendar_edits import Edited
from sync_classroom.domain.ids import SchoolId, TermId
from sync_classroom.domain.roster import DayException, NationalDay, Roster, Term, Wording
from sync_classroom.web.formats import Format
from sync_classroom.web.i18n import tongue
from sync_classroom.web.pages.calendar_cells import (
    DAY_WORDS,
    described,
    sentence_of,
    state_of,
    validity,
)
from sync_classroom.web.pages.frame import Frame
from tests.support.pages import office

A = SchoolId("a")
TERM = Term(TermId("t"), "一", date(2026, 8, 31), date(2026, 9, 1), date(2026, 12, 31))
DAYS = (
    DayException(A, date(2026, 10, 9), teaching=True, reason="不放假"),
    DayException(A, date(2026, 10, 13), teaching=True, follows_week=6),
    DayException(A, date(2026, 10, 17), teaching=True, follows_weekday=6),
    DayException(A, date(2026, 10, 18), teaching=True),
    DayException(A, date(2026, 10, 24), teaching=True, follows_weekday=5),
)
NATIONAL = {
    date(2026, 10, 1): NationalDay(date(2026, 10, 1), Wording("国庆节", "National Day")),
}
CALENDAR = Calendar(Roster(terms={TERM.id: TERM}, days=DAYS, national=NATIONAL))


def day(month: int, number: int) -> DayAnswer:
    return CALENDAR.day(A, date(2026, month, number))


@pytest.mark.parametrize(
    ("month", "number", "state"),
    [
        (8, 31, "out"),
        (9, 1, "teach"),
        (9, 5, "rest"),
        (10, 1, "off"),
        (10, 9, "kept"),
        # Its own weekday, but the week before: the odd and even lessons are others.
        (10, 13, "follow"),
        # A Saturday that has a timetable of its own.
        (10, 17, "kept"),
        (10, 18, "unmapped"),
        (10, 24, "follow"),
    ],
)
def test_every_day_has_one_state(month: int, number: int, state: str) -> None:
    assert state_of(day(month, number)) == state
    assert state in DAY_WORDS


async def _frame(folder: Path, language: str) -> Frame:
    async with office(folder) as served:
        spoken = tongue(language)
        request = make_mocked_request("GET", "/calendar", app=served.app)
        return Frame(request, served.services, spoken, Format(spoken, served.services.zone))


@pytest.mark.asyncio
async def test_a_sentence_says_what_whose_timetable_and_why(tmp_path: Path) -> None:
    zh, en = await _frame(tmp_path / "zh", "zh"), await _frame(tmp_path / "en", "en")
    assert sentence_of(zh, day(10, 24)) == (
        "10月24日 周六：上课，按 周五 第8周（双周） 的课表；来源：本校的安排"
    )
    assert sentence_of(en, day(10, 24)) == (
        "Sat 24 Oct: school, with the timetable of Fri wk 8 (even); source: the school's own"
    )
    assert sentence_of(en, day(10, 1)) == (
        "Thu 1 Oct: no school; source: national holiday (National Day)"
    )
    assert sentence_of(zh, day(10, 18)) == "10月18日 周日：上课，按哪天未定；来源：本校的安排"


@pytest.mark.asyncio
async def test_records_of_the_history_are_words(tmp_path: Path) -> None:
    frame = await _frame(tmp_path, "zh")
    plain = {"teaching": True, "follows_weekday": None, "follows_week": None}
    assert described(frame, Edited.DAY, None) == "没有"
    assert described(frame, Edited.DAY, plain | {"date": "2026-10-18"}) == "上课，按哪天未定"
    assert described(frame, Edited.DAY, plain | {"date": "2026-10-19"}) == "教学日"
    assert described(
        frame, Edited.DAY, plain | {"date": "2026-10-18", "follows_weekday": 5, "follows_week": 4}
    ) == "上课，按 周五 第4周（双周） 的课表"  # fmt: skip
    assert described(frame, Edited.DAY, plain | {"teaching": False}) == "不上课"


@pytest.mark.asyncio
async def test_validity_is_words(tmp_path: Path) -> None:
    frame = await _frame(tmp_path, "zh")
    first, last = date(2027, 5, 1), date(2027, 9, 30)
    assert [validity(frame, a, b) for a in (first, None) for b in (last, None)] == [
        "2027年5月1日–9月30日", "从 2027年5月1日 起", "到 2027年9月30日 止", "一直有效",
    ]  # fmt: skip
