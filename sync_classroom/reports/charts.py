"""The charts of a report: Vega-Lite specifications of its figures, drawn to SVG offline.

A specification holds data and fixed field names only; no text of the data is ever an expression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import vl_convert

from ..domain.crediting import Cause, SeatState
from ..domain.definitions import CAUSES, MODES, STATES
from ..domain.writing import brief_day, percent
from .fonts import Typeface
from .words import word

# The width of a page's text in CSS pixels, so that 11 px are as large as the text around.
WIDTH: Final = 640
_INK, _SOFT, _LINE, _ACCENT = "#16202a", "#4a5866", "#dfe3e0", "#0b6b5d"
_STATE_COLOURS: Final[Mapping[SeatState, str]] = {
    SeatState.HELD: "#1e7d4f",
    SeatState.PARTIAL: "#b7791f",
    SeatState.MISSED: "#9b2c2c",
    SeatState.UNKNOWN: "#6b5b95",
    SeatState.CANCELLED_UNEXCUSED: "#8a949d",
}
# A name in a chart; the tables have all of it.
NAME_CHARS: Final = 14
# More weeks than this do not fit beside each other: the latest are drawn, the table has all.
MOST_WEEKS: Final = 26
# From this rate on a cell is dark and its text light.
_DARK: Final = 0.62


def draw(content: Mapping[str, Any], typeface: Typeface) -> dict[str, str]:
    """Every chart there is data for, as SVG by name."""
    vl_convert.register_font_directory(str(typeface.folder))
    tables = {
        name: [{**row, "name": typeface.clean(row["name"], NAME_CHARS)} for row in rows]
        for name, rows in content["tables"].items()
    }
    specs = specifications({**content, "tables": tables})
    config = _config(typeface)
    return {
        name: vl_convert.vegalite_to_svg({**spec, "config": config}, allowed_base_urls=[])
        for name, spec in specs.items()
    }


def specifications(content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The specification of every chart there is data for, in the order of a report."""
    made = {
        "states": _states(content),
        "heat": _heat(content),
        "trend": _trend(content),
        "causes": _causes(content),
        "matrix": _matrix(content),
        "build": _build(content),
    }
    return {name: spec for name, spec in made.items() if spec is not None}


def _config(typeface: Typeface) -> dict[str, Any]:
    font = ", ".join(typeface.families)
    axis = {
        "labelFont": font, "titleFont": font, "labelFontSize": 11, "titleFontSize": 11,
        "labelColor": _INK, "titleColor": _SOFT, "titleFontWeight": "normal", "gridColor": _LINE,
        "domainColor": _LINE, "tickColor": _LINE, "labelLimit": 240,
    }  # fmt: skip
    return {
        "font": font,
        "background": "#ffffff",
        "view": {"stroke": None},
        "axis": axis,
        "legend": {"labelFont": font, "labelFontSize": 11, "labelColor": _INK, "title": None,
                   "orient": "top", "symbolType": "square", "labelLimit": 200},
        "text": {"font": font, "fontSize": 11, "color": _INK},
    }  # fmt: skip


def week_label(week: Mapping[str, Any], language: str) -> str:
    """`11/23` (`23 Nov`) of the Monday and the teaching week, on one short line."""
    monday = date.fromisoformat(week["monday"])
    day = brief_day(monday, language)
    if week["teaching_week"] is None:
        return day
    return f"{word('teaching_week', language, week['teaching_week'])} {day}"


def _labels(rows: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Names by number; equal ones get their number so that none is drawn over another."""
    taken: dict[str, int] = {}
    labels = {}
    for row in rows:
        text = row["name"]
        taken[text] = taken.get(text, 0) + 1
        labels[row["no"]] = text if taken[text] == 1 else f"{text} ({row['no']})"
    return labels


def _states(content: Mapping[str, Any]) -> dict[str, Any] | None:
    schools = content["tables"]["school"]
    labels = _labels(schools)
    language = content["language"]
    bars = [
        {"school": labels[s["no"]], "state": STATES[state].name(language), "order": n,
         "seats": s[f"{state.value}_seats"]}
        for s in schools
        for n, state in enumerate(_STATE_COLOURS)
        if s[f"{state.value}_seats"]
    ]  # fmt: skip
    if not bars:
        return None
    seen = {b["state"] for b in bars}
    states = [s for s in _STATE_COLOURS if STATES[s].name(language) in seen]
    texts = [
        {"school": labels[s["no"]],
         "text": percent(s["held_rate"]["numerator"], s["held_rate"]["denominator"])}
        for s in schools
    ]  # fmt: skip
    y = {"field": "school", "type": "nominal", "sort": list(labels.values()), "title": None}
    bar = {
        "data": {"values": bars},
        "mark": {"type": "bar", "height": 14},
        "encoding": {
            "y": y,
            "x": {"field": "seats", "type": "quantitative", "stack": "normalize", "title": None,
                  "axis": {"format": "%", "tickCount": 5}},
            "order": {"field": "order"},
            "color": {"field": "state", "type": "nominal",
                      "scale": {"domain": [STATES[s].name(language) for s in states],
                                "range": [_STATE_COLOURS[s] for s in states]}},
        },
    }  # fmt: skip
    text = {
        "data": {"values": texts},
        "mark": {"type": "text", "align": "left", "dx": 6, "clip": False},
        "encoding": {"y": y, "x": {"value": WIDTH - 190}, "text": {"field": "text"}},
    }
    return {
        "width": WIDTH - 190,
        "height": {"step": 24},
        "layer": [bar, text],
    }


def _heat(content: Mapping[str, Any]) -> dict[str, Any] | None:
    weeks = content["tables"]["week"][-MOST_WEEKS:]
    schools = content["tables"]["school"]
    if not weeks or not schools:
        return None
    rows, columns = _labels(schools), {w["no"]: _week_column(w, content["language"]) for w in weeks}
    known = {(w, s): (held, due) for w, s, held, due in content["week_school"]}
    cells = []
    for school, row in rows.items():
        for week, column in columns.items():
            held, due = known.get((week, school), (0, 0))
            rate = held / due if due else None
            cells.append({
                "week": column, "school": row, "rate": rate,
                "text": percent(held, due).removesuffix(" %"),
                "dark": rate is not None and rate >= _DARK,
            })  # fmt: skip
    return _grid(cells, "week", "school", list(columns.values()), list(rows.values()), len(weeks))


def _week_column(week: Mapping[str, Any], language: str) -> str:
    monday = date.fromisoformat(week["monday"])
    if week["teaching_week"] is not None:
        return str(week["teaching_week"])
    return brief_day(monday, language)


def _grid(
    cells: Sequence[Mapping[str, Any]], x: str, y: str, columns: Sequence[str],
    rows: Sequence[str], count: int,
) -> dict[str, Any]:  # fmt: skip
    step = max(16, min(64, (WIDTH - 160) // max(1, count)))
    size = 11 if step >= 34 else 8 if step >= 22 else 6
    encoding = {
        "x": {"field": x, "type": "ordinal", "sort": list(columns), "title": None,
              "axis": {"orient": "top", "labelAngle": 0, "domain": False, "ticks": False,
                       "labelFontSize": 11 if step >= 30 else 8}},
        "y": {"field": y, "type": "nominal", "sort": list(rows), "title": None,
              "axis": {"domain": False, "ticks": False}},
    }  # fmt: skip
    return {
        "data": {"values": list(cells)},
        "width": {"step": step},
        "height": {"step": 26},
        "encoding": encoding,
        "layer": [
            {
                "mark": {"type": "rect", "stroke": "#ffffff", "strokeWidth": 2, "invalid": None},
                "encoding": {
                    "color": {
                        "condition": {"test": "datum.rate === null", "value": "#eceeed"},
                        "field": "rate", "type": "quantitative", "legend": None,
                        "scale": {"domain": [0, 1], "range": ["#f7ecd9", "#9cc9b4", _ACCENT]},
                    }
                },
            },
            {
                "mark": {"type": "text", "fontSize": size},
                "encoding": {
                    "text": {"field": "text"},
                    "color": {"condition": {"test": "datum.dark", "value": "#ffffff"},
                              "value": _INK},
                },
            },
        ],
    }  # fmt: skip


def _trend(content: Mapping[str, Any]) -> dict[str, Any] | None:
    language = content["language"]
    weeks = content["tables"]["week"][-MOST_WEEKS:]
    points = [
        {"week": _week_column(w, language),
         "rate": w["held_rate"]["numerator"] / w["held_rate"]["denominator"],
         "text": percent(w["held_rate"]["numerator"], w["held_rate"]["denominator"])
         .removesuffix(" %")}
        for w in weeks
        if w["held_rate"]["denominator"]
    ]  # fmt: skip
    if not points:
        return None
    order = [_week_column(w, language) for w in weeks]
    taught = any(w["teaching_week"] is not None for w in weeks)
    return {
        "data": {"values": points},
        "width": WIDTH - 60,
        "height": 150,
        "encoding": {
            "x": {"field": "week", "type": "ordinal", "sort": order,
                  "scale": {"domain": order, "type": "point", "padding": 0.5},
                  "title": word("week", language) if taught else None,
                  "axis": {"labelAngle": 0, "grid": False}},
            "y": {"field": "rate", "type": "quantitative", "title": None,
                  "scale": {"domain": [0, 1]}, "axis": {"format": "%", "tickCount": 5}},
        },
        "layer": [
            {"mark": {"type": "line", "color": _ACCENT, "strokeWidth": 2}},
            {"mark": {"type": "point", "filled": True, "color": _ACCENT, "size": 45}},
            {"mark": {"type": "text", "dy": -11, "fontSize": 10},
             "encoding": {"text": {"field": "text"}}},
        ],
    }  # fmt: skip


def _causes(content: Mapping[str, Any]) -> dict[str, Any] | None:
    language = content["language"]
    found = content["figures"]["causes"]
    bars = [
        {"cause": CAUSES[c].name(language), "seats": found[c.value]}
        for c in Cause
        if found[c.value]
    ]
    if not bars:
        return None
    bars.sort(key=lambda b: -b["seats"])
    y = {"field": "cause", "type": "nominal", "sort": [b["cause"] for b in bars], "title": None}
    return {
        "data": {"values": bars},
        "width": WIDTH - 200,
        "height": {"step": 24},
        "encoding": {
            "y": y,
            "x": {"field": "seats", "type": "quantitative", "title": None,
                  "axis": {"tickMinStep": 1, "tickCount": 6, "format": "d"}},
        },
        "layer": [
            {"mark": {"type": "bar", "height": 14, "color": "#9b2c2c"}},
            {"mark": {"type": "text", "align": "left", "dx": 5},
             "encoding": {"text": {"field": "seats"}}},
        ],
    }  # fmt: skip


def _matrix(content: Mapping[str, Any]) -> dict[str, Any] | None:
    schools = content["tables"]["school"]
    matrix = content["figures"]["mode_matrix"]
    language = content["language"]
    labels = _labels(schools)
    modes = {code: named.name(language) for code, named in MODES.items()}
    cells = [
        {"mode": modes[code], "school": labels[s["no"]], "text": str(matrix[s["id"]][code]),
         "rate": 1 if matrix[s["id"]][code] else None, "dark": bool(matrix[s["id"]][code])}
        for s in schools
        if s["id"] in matrix
        for code in modes
    ]  # fmt: skip
    if not cells:
        return None
    spec = _grid(cells, "mode", "school", list(modes.values()), list(labels.values()), 3)
    return {**spec, "width": {"step": 150}}


def _build(content: Mapping[str, Any]) -> dict[str, Any] | None:
    build = content["build"]
    last = content["figures"]["period"]["to"]
    steps = [{"day": day, "rooms": n} for day, n in build["steps"]]
    if not steps:
        return None
    steps.append({"day": last, "rooms": steps[-1]["rooms"]})
    targets = [{"day": day, "rooms": n} for day, n in build["targets"]]
    top = max([s["rooms"] for s in steps] + [t["rooms"] for t in targets] + [build["target"]])
    x = {"field": "day", "type": "temporal", "title": None, "scale": {"padding": 24},
         "axis": {"format": "%Y", "tickCount": "year", "grid": False}}  # fmt: skip
    y = {"field": "rooms", "type": "quantitative", "scale": {"domain": [0, top * 1.15]},
         "title": None,
         "axis": {"tickMinStep": 1, "tickCount": 6, "format": "d"}}  # fmt: skip
    at = {"x": x, "y": y}
    return {
        "width": WIDTH - 70,
        "height": 150,
        "layer": [
            {"data": {"values": steps}, "encoding": at,
             "mark": {"type": "line", "interpolate": "step-after", "color": _ACCENT,
                      "strokeWidth": 2.5}},
            {"data": {"values": targets}, "encoding": at,
             "mark": {"type": "point", "shape": "diamond", "filled": True, "size": 90,
                      "color": "#b7791f"}},
            {"data": {"values": targets}, "encoding": {**at, "text": {"field": "rooms"}},
             "mark": {"type": "text", "dy": -12, "color": "#7a4f10"}},
            {"data": {"values": steps[-1:]}, "encoding": {**at, "text": {"field": "rooms"}},
             "mark": {"type": "text", "dy": -9, "align": "right", "color": _ACCENT}},
        ],
    }  # fmt: skip
