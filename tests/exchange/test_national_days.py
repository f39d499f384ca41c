"""The country's tables against the State Council's notice of 2025-11 for the year 2026."""

from __future__ import annotations

from datetime import date

from sync_classroom.domain.roster import NationalDay, Wording
from sync_classroom.exchange.national_days import NationalTables, national_days

NATIONAL_DAY = Wording("国庆节", "National Day")


def test_every_make_up_day_of_2026_names_the_day_it_replaces() -> None:
    worked = {d.on: d.replaces for d in national_days([2026]).values() if d.teaching}
    assert worked == {
        date(2026, 1, 4): date(2026, 1, 2),
        date(2026, 2, 14): date(2026, 2, 20),
        date(2026, 2, 28): date(2026, 2, 23),
        date(2026, 5, 9): date(2026, 5, 5),
        date(2026, 9, 20): date(2026, 10, 6),
        date(2026, 10, 10): date(2026, 10, 7),
    }


def test_days_off_have_the_name_of_their_holiday_swapped_ones_too() -> None:
    days = national_days([2026])
    october = {on.day: d.name.zh for on, d in days.items() if on.month == 10 and not d.teaching}
    assert october == {
        1: "国庆节", 2: "国庆节", 3: "国庆节", 5: "国庆节（补假）", 6: "国庆节", 7: "国庆节",
    }  # fmt: skip
    assert days[date(2026, 10, 10)] == NationalDay(
        date(2026, 10, 10), NATIONAL_DAY, True, date(2026, 10, 7)
    )
    assert days[date(2026, 1, 2)].name.zh == "元旦"


def test_a_swap_over_new_year_is_known_from_both_years() -> None:
    assert national_days([2006])[date(2006, 12, 31)].replaces == date(2007, 1, 3)
    assert national_days([2007])[date(2007, 1, 3)].teaching is False


def test_every_make_up_day_since_2001_is_a_weekend_day_that_replaces_a_working_day() -> None:
    worked = [d for d in national_days(range(2001, 2027)).values() if d.teaching]
    assert len(worked) > 100
    assert {d.on.isoweekday() for d in worked} == {6, 7}
    assert {d.replaces.isoweekday() for d in worked if d.replaces} == {1, 2, 3, 4, 5}
    assert [d.on for d in worked if d.replaces is None] == []


def test_a_bureaus_own_days_are_over_the_tables() -> None:
    own: dict[date, NationalDay | None] = {
        date(2026, 10, 7): None,
        date(2026, 10, 10): None,
        date(2026, 10, 12): NationalDay(date(2026, 10, 12), Wording("建市日", "City day")),
    }
    days = NationalTables(own)([2026])
    assert [on.day for on in days if on.month == 10] == [1, 2, 3, 5, 6, 12]
    assert NationalTables()([2026]) == national_days([2026])
