"""How values are written: exact, in both languages."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from sync_classroom.domain.ids import TermId
from sync_classroom.domain.roster import Roster, Term
from sync_classroom.web.formats import Format, rate, term_on, week_of
from sync_classroom.web.i18n import tongue

ZONE = ZoneInfo("Asia/Shanghai")
ZH, EN = Format(tongue("zh"), ZONE), Format(tongue("en"), ZONE)
TERM = Term(TermId("t"), "秋", date(2026, 8, 31), date(2026, 9, 1), date(2027, 1, 29))


@pytest.mark.parametrize(
    ("numerator", "denominator", "percent"),
    [
        (241, 250, "96.4 %"),
        (0, 0, "—"),
        (0, 7, "0.0 %"),
        (7, 7, "100.0 %"),
        (9999, 10000, "99.9 %"),
        (1, 10000, "0.1 %"),
        (1, 8, "12.5 %"),
        (2, 3, "66.7 %"),
    ],
)
def test_a_rate_is_a_tenth_of_a_percent_and_whole_only_when_it_is(
    numerator: int, denominator: int, percent: str
) -> None:
    written = rate(numerator, denominator)
    assert (written.percent, written.fraction) == (percent, f"({numerator}/{denominator})")
    assert (written.share is None) == (denominator == 0)


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (0, "0 秒", "0 s"),
        (59, "59 秒", "59 s"),
        (2292, "38 分 12 秒", "38 min 12 s"),
        (3600, "1 小时 00 分 00 秒", "1 h 00 min 00 s"),
        (360305, "100 小时 05 分 05 秒", "100 h 05 min 05 s"),
    ],
)
def test_a_duration_is_exact_to_the_second(seconds: int, zh: str, en: str) -> None:
    assert (ZH.duration(seconds), EN.duration(seconds)) == (zh, en)


def test_dates_name_weekday_and_teaching_week() -> None:
    day = date(2026, 11, 23)
    assert ZH.day(day, term=TERM) == "11月23日 周一 第13周"
    assert EN.day(day, term=TERM) == "Mon 23 Nov · week 13"
    assert ZH.day(day) == "11月23日 周一"
    assert ZH.day(date(2027, 2, 1), term=TERM) == "2月1日 周一"


def test_ranges_name_the_year_where_it_changes() -> None:
    assert ZH.date_range(date(2026, 11, 2), date(2026, 11, 30)) == "2026年11月2日–11月30日"
    assert ZH.date_range(date(2026, 12, 1), date(2027, 1, 9)) == "2026年12月1日–2027年1月9日"
    assert EN.date_range(date(2026, 11, 2), date(2026, 11, 30)) == "2 Nov – 30 Nov 2026"
    assert EN.date_range(date(2026, 12, 1), date(2027, 1, 9)) == "1 Dec 2026 – 9 Jan 2027"
    assert ZH.date_range(date(2026, 11, 2), date(2026, 11, 2)) == "2026年11月2日"
    assert EN.date_range(date(2026, 11, 2), date(2026, 11, 2)) == "2 Nov 2026"


def test_clock_times_are_in_the_programmes_zone() -> None:
    late = datetime(2026, 11, 22, 16, 5, 9, tzinfo=UTC)
    assert ZH.clock(late) == "00:05"
    assert ZH.clock(late, seconds=True) == "00:05:09"
    assert ZH.clock(None) == "—"
    assert ZH.stamp(late) == "11月23日 00:05"
    assert EN.stamp(late) == "23 Nov 00:05"
    assert ZH.stamp(None) == "—"
    assert ZH.span(late, late.replace(minute=45)) == "00:05–00:45"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "—"), (0.79999, "0.799"), (0.8, "0.800"), (1.0, "1.000"), (0.29, "0.290")],
)
def test_rho_is_cut_and_never_rounded_up(value: float | None, text: str) -> None:
    assert ZH.ratio(value) == text


def test_weeks_count_from_the_first_monday_and_end_with_the_term() -> None:
    assert week_of(TERM, date(2026, 9, 1)) == 1
    assert week_of(TERM, date(2026, 9, 7)) == 2
    assert week_of(TERM, date(2026, 8, 31)) is None
    assert week_of(None, date(2026, 9, 7)) is None
    roster = Roster(terms={TERM.id: TERM})
    assert term_on(roster, date(2027, 1, 29)) is TERM
    assert term_on(roster, date(2027, 1, 30)) is None


def test_an_instant_has_a_civil_day_of_its_zone() -> None:
    late = datetime(2026, 11, 23, 18, 19, tzinfo=UTC)
    assert ZH.civil(late) == date(2026, 11, 24)
