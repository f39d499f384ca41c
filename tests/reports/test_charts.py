"""Charts say what the tables say, and draw nothing where there is nothing."""

from __future__ import annotations

from sync_classroom.reports.charts import MOST_WEEKS, draw, specifications, week_label
from sync_classroom.reports.fonts import load_typeface
from tests.support.reports import content

FACE = load_typeface()
ALL = {"states", "heat", "trend", "causes", "matrix", "build"}


def test_every_chart_is_drawn_from_the_figures() -> None:
    made = content()
    specs = specifications(made)
    assert set(specs) == ALL
    heat = specs["heat"]["data"]["values"]
    assert len(heat) == len(made["tables"]["week"]) * len(made["tables"]["school"])
    rates = {(w, s): held / due for w, s, held, due in made["week_school"]}
    assert sorted(c["rate"] for c in heat if c["rate"] is not None) == sorted(rates.values())
    matrix = specs["matrix"]["data"]["values"]
    assert len(matrix) == 3 * len(made["figures"]["mode_matrix"])
    causes = {b["seats"] for b in specs["causes"]["data"]["values"]}
    assert causes == {n for n in made["figures"]["causes"].values() if n}


def test_nothing_is_drawn_of_nothing() -> None:
    made = content()
    empty = {
        **made,
        "tables": {name: [] for name in made["tables"]},
        "week_school": [],
        "build": {"steps": [], "targets": [], "target": 0},
        "figures": {
            **made["figures"], "mode_matrix": {},
            "causes": dict.fromkeys(made["figures"]["causes"], 0),
        },
    }  # fmt: skip
    assert specifications(empty) == {}


def test_a_year_of_weeks_shows_the_latest() -> None:
    made = content()
    week = made["tables"]["week"][0]
    made["tables"]["week"] = [{**week, "no": n, "teaching_week": n} for n in range(1, 53)]
    cells = specifications(made)["heat"]["data"]["values"]
    assert {c["week"] for c in cells} == {str(n) for n in range(53 - MOST_WEEKS, 53)}


def test_hostile_names_are_drawn_as_text() -> None:
    charts = draw(content(hostile=True), FACE)
    assert set(charts) == ALL
    assert "<script>" not in "".join(charts.values())
    assert "😀" not in "".join(charts.values())


def test_weeks_are_named_by_monday_and_teaching_week() -> None:
    assert week_label({"monday": "2026-11-23", "teaching_week": 13}, "zh") == "第 13 周 11/23"
    assert week_label({"monday": "2026-11-23", "teaching_week": None}, "en") == "23 Nov"
