"""Rates, lengths and dates as a bureau reads them."""

from __future__ import annotations

from datetime import date

import pytest

from sync_classroom.domain.writing import brief_day, clock_length, date_range, duration, percent


@pytest.mark.parametrize(
    ("numerator", "denominator", "text"),
    [
        (241, 250, "96.4 %"),
        (0, 0, "—"),
        (0, 7, "0.0 %"),
        (7, 7, "100.0 %"),
        (9999, 10_000, "99.9 %"),
        (1, 10_000, "0.1 %"),
        (1, 2000, "0.1 %"),
    ],
)
def test_percent_is_full_or_nothing_only_when_it_is(
    numerator: int, denominator: int, text: str
) -> None:
    assert percent(numerator, denominator) == text


def test_durations_are_whole_seconds_in_both_languages() -> None:
    assert duration(2292, "zh") == "38 分 12 秒"
    assert duration(3725, "en") == "1 h 02 min 05 s"
    assert duration(0, "zh") == "0 秒"
    assert clock_length(3_891_530) == "1080:58:50"
    assert clock_length(59) == "0:00:59"


def test_a_brief_day_cannot_be_read_the_other_way_round() -> None:
    assert brief_day(date(2026, 12, 1), "zh") == "12/1"
    assert brief_day(date(2026, 12, 1), "en") == "1 Dec"


def test_date_ranges_say_a_year_twice_only_where_it_changes() -> None:
    first, last = date(2026, 11, 2), date(2026, 11, 30)
    assert date_range(first, last, "zh") == "2026年11月2日–11月30日"
    assert date_range(first, last, "en") == "2 Nov – 30 Nov 2026"
    assert date_range(first, date(2027, 1, 3), "zh") == "2026年11月2日–2027年1月3日"
    assert date_range(first, date(2027, 1, 3), "en") == "2 Nov 2026 – 3 Jan 2027"
    assert date_range(first, first, "zh") == "2026年11月2日"
    assert date_range(first, first, "en") == "2 Nov 2026"
