"""Figures written out: rates with their fraction, times as a clock writes lengths."""

from __future__ import annotations

from sync_classroom.reports.blocks import Writer
from sync_classroom.reports.fonts import load_typeface
from tests.support.reports import content

WRITER = Writer(content("en"), load_typeface(), {"trend"})


def test_measures_are_written_by_their_unit() -> None:
    rate = {"numerator": 3, "denominator": 4}
    assert WRITER.measure("held_rate", rate) == {"v": "75.0 %", "s": "(3/4)"}
    times = {"numerator": 3600, "denominator": 7200}
    assert WRITER.measure("fidelity", times) == {"v": "50.0 %", "s": "(1:00:00/2:00:00)"}
    assert WRITER.measure("fidelity", times, narrow=True) == {"v": "50.0 %", "s": ""}
    assert WRITER.measure("credited_s", 3661) == "1:01:01"
    assert WRITER.measure("due_periods", 7) == "7"
    none = {"numerator": 0, "denominator": 0}
    assert WRITER.measure("push_open_rate", none) == {"v": "—", "s": "(0/0)"}


def test_heads_are_short_and_charts_only_where_drawn() -> None:
    assert WRITER.short("host_periods") == "Periods given"
    assert Writer(content(), load_typeface(), ()).short("held_periods") == "实开课时"
    assert [b["name"] for b in WRITER.chart("trend", "x")] == ["trend"]
    assert WRITER.chart("heat", "x") == []


def test_a_table_ends_with_the_total_of_all() -> None:
    made = content("en")
    table = WRITER.groups("School", made["tables"]["school"], ("due_periods", "held_rate"))
    assert table["total"]
    assert table["rows"][-1][:2] == ["Total", str(made["figures"]["totals"]["due_periods"])]
    assert len(table["rows"]) == len(made["tables"]["school"]) + 1
