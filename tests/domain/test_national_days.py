from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest

from sync_classroom.domain.fields import MalformedError
from sync_classroom.domain.national_days import merged, parse_national_days
from sync_classroom.domain.roster import NationalDay, Wording

FESTIVAL = Wording("春节", "Spring Festival")
GOOD = """
days = [
  { date = 2027-02-11, kind = "off", name = "春节", name_en = "Spring Festival" },
  { date = 2027-02-20, kind = "make_up", replaces = 2027-02-11, name = "春节" },
  { date = 2027-02-21, kind = "make_up", name = "春节" },
  { date = 2027-02-10, kind = "ordinary" },
]
"""


def test_a_bureaus_own_days_are_read() -> None:
    own = parse_national_days(tomllib.loads(GOOD))
    name = Wording("春节", "春节")
    assert own == {
        date(2027, 2, 11): NationalDay(date(2027, 2, 11), FESTIVAL),
        date(2027, 2, 20): NationalDay(date(2027, 2, 20), name, True, date(2027, 2, 11)),
        date(2027, 2, 21): NationalDay(date(2027, 2, 21), name, True),
        date(2027, 2, 10): None,
    }


def test_a_bureaus_own_days_stand_over_the_tables() -> None:
    tables = {
        date(2027, 2, 10): NationalDay(date(2027, 2, 10), FESTIVAL),
        date(2027, 2, 9): NationalDay(date(2027, 2, 9), FESTIVAL),
        date(2027, 2, 11): NationalDay(date(2027, 2, 11), Wording("旧", "old")),
    }
    found = merged(tables, parse_national_days(tomllib.loads(GOOD)))
    assert [d.day for d in found] == [9, 11, 20, 21]
    assert found[date(2027, 2, 11)].name == FESTIVAL


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ('{ date = 2027-02-11, kind = "holiday", name = "x" }', "kind"),
        ('{ date = 2027-02-11, kind = "off" }', "name"),
        ('{ date = "2027-02-30", kind = "off", name = "x" }', "date"),
        # A Thursday is a working day already; what is worked instead is a weekend day.
        ('{ date = 2027-02-11, kind = "make_up", name = "x" }', "date"),
        ('{ date = 2027-02-20, kind = "off", name = "x", replaces = 2027-02-11 }', "replaces"),
        ('{ date = 2027-02-20, kind = "make_up", name = "x", replaces = 2027-02-20 }', "replaces"),
        ('{ date = 2027-02-11, kind = "off", name = "x", nmae = "x" }', "nmae"),
        (
            '{ date = 2027-02-10, kind = "ordinary" }, { date = 2027-02-10, kind = "ordinary" }',
            "date",
        ),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused_naming_its_field(entry: str, field: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_national_days(tomllib.loads(f"days = [{entry}]"))
    assert caught.value.field == field


def test_the_file_that_is_delivered_is_good_and_empty() -> None:
    text = Path("config/calendar.toml").read_text("utf-8")
    assert parse_national_days(tomllib.loads(text)) == {}
    # Its examples are, too, once their marks are taken away.
    examples = [line[1:] for line in text.splitlines() if line.startswith("#   {")]
    assert len(parse_national_days(tomllib.loads("days = [" + "\n".join(examples) + "]"))) == 2
