"""Quiet hours by the wall clock of the programme, and a pace that several share."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from sync_classroom.domain.ids import SchoolId
from sync_classroom.domain.school_lines import (
    GRANT_S,
    Hours,
    Line,
    Lines,
    Pace,
    parse_hours,
    quiet_window,
)
from tests.support.plans import at

ZONE = ZoneInfo("Asia/Shanghai")
NOON, NIGHT = parse_hours("12:00-13:30"), parse_hours("17:00-07:30")


def test_hours_are_read_and_all_others_refused() -> None:
    assert Hours(17 * 60, 7 * 60 + 30) == NIGHT
    assert parse_hours(" 00:00-24:00 ") == Hours(0, 24 * 60)
    for text in ("", "17:00", "17:00-25:00", "7:00-8:00", "17:60-18:00", "09:00-09:00"):
        with pytest.raises(ValueError, match=r"HH:MM|begins"):
            parse_hours(text)


@pytest.mark.parametrize(
    ("clock", "begins", "ends"),
    [
        ("06:00", ("17:00", "2026-11-22"), ("07:30", "2026-11-23")),
        ("07:30", ("12:00", "2026-11-23"), ("13:30", "2026-11-23")),
        ("12:00", ("12:00", "2026-11-23"), ("13:30", "2026-11-23")),
        ("13:30", ("17:00", "2026-11-23"), ("07:30", "2026-11-24")),
        ("23:59", ("17:00", "2026-11-23"), ("07:30", "2026-11-24")),
    ],
)
def test_the_window_of_now_or_the_next_one_over_midnight(
    clock: str, begins: tuple[str, str], ends: tuple[str, str]
) -> None:
    window = quiet_window((NOON, NIGHT), at(clock, "2026-11-23"), ZONE)
    assert window == (at(*begins), at(*ends))


def test_always_never_and_overlapping_windows() -> None:
    now = at("10:00", "2026-11-23")
    always = quiet_window((parse_hours("00:00-24:00"),), now, ZONE)
    assert always == (at("00:00", "2026-11-23"), at("00:00", "2026-11-24"))
    assert quiet_window((), now, ZONE) is None
    both = (parse_hours("09:00-10:30"), parse_hours("09:30-11:00"))
    assert quiet_window(both, now, ZONE) == (at("09:30", "2026-11-23"), at("11:00", "2026-11-23"))


def test_a_school_may_have_other_hours_or_another_rate() -> None:
    here, there = SchoolId("here"), SchoolId("there")
    lines = Lines(Line((NIGHT,), 4000), {here: ()}, {there: 1000})
    assert lines.of(here) == Line((), 4000)
    assert lines.of(there) == Line((NIGHT,), 1000)
    assert lines.of(SchoolId("else")) == lines.general


def test_a_school_may_have_a_cache_of_its_own() -> None:
    here, there = SchoolId("here"), SchoolId("there")
    lines = Lines(Line((NIGHT,), 4000), caches={here: "https://cache.example:8443"})
    assert lines.of(here) == Line((NIGHT,), 4000, "https://cache.example:8443")
    assert lines.of(there).cache == ""


def test_a_pace_is_kept_by_all_who_send_together() -> None:
    pace = Pace(800)  # 100 000 bytes a second
    pace.grant(10, 0, 10.0)
    assert pace.reserve(50_000, 10.0) == 0
    assert pace.reserve(50_000, 10.0) == pytest.approx(0.5)
    assert pace.reserve(100_000, 10.2) == pytest.approx(0.8)
    # Time that nobody used is not saved up.
    assert pace.reserve(50_000, 99.0) == 0
    assert pace.reserve(1, 99.0) == pytest.approx(0.5)
    free = Pace(0)
    assert free.lacks(10**9) == 0
    assert [free.reserve(10**9, 1.0) for _ in range(3)] == [0, 0, 0]


def test_a_pace_asks_for_a_second_of_the_line_or_for_what_a_block_takes() -> None:
    pace = Pace(800)
    assert pace.lacks(60_000) == GRANT_S
    pace.grant(GRANT_S, 0, 10.0)
    assert pace.lacks(60_000) == 0
    assert pace.reserve(60_000, 10.0) == 0
    assert pace.lacks(40_000) == 0
    assert pace.lacks(40_001) == GRANT_S
    assert pace.lacks(200_000) == pytest.approx(2)


def test_a_grant_that_begins_later_is_waited_for_and_never_brings_forward_what_is_reserved() -> (
    None
):
    pace = Pace(800)
    pace.grant(GRANT_S, 5, 10.0)
    assert pace.reserve(100_000, 10.0) == pytest.approx(5)
    pace.grant(GRANT_S, 0, 10.0)
    assert pace.reserve(100_000, 10.0) == pytest.approx(6)
