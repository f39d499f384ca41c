"""Every table of a report as CSV in one .zip: UTF-8 with BOM, which every spreadsheet opens right.

A text that a spreadsheet would take for a formula gets an apostrophe in front: a name is a name.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ..domain.crediting import Cause
from ..domain.definitions import CAUSES, DEFINITIONS, MODES
from ..domain.writing import percent
from .seat_sheet import COLUMNS, heading, named_seats, text
from .words import word

GROUPS: Final = ("school", "classroom", "subject", "week", "teacher", "host_school")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")

Row = Sequence[object]


def make_csv(content: Mapping[str, Any]) -> bytes:
    """The .zip: `totals`, one file for each table, `seats` and `adjustments`."""
    out = io.BytesIO()
    made_at = datetime.fromisoformat(content["cut_off"]).timetuple()[:6]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, rows in _tables(content).items():
            info = zipfile.ZipInfo(f"{name}.csv", made_at)
            packed.writestr(info, written(rows), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def written(rows: Iterable[Row]) -> bytes:
    """Rows as a CSV file (RFC 4180)."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def _cell(value: object) -> object:
    if value is None or isinstance(value, int):
        return "" if value is None else value
    cell = text(value)
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _tables(content: Mapping[str, Any]) -> dict[str, list[Row]]:
    language: str = content["language"]
    tables = content["tables"]
    schools = {r["no"]: r["name"] for r in tables["school"]}
    matrix = content["figures"]["mode_matrix"]
    made: dict[str, list[Row]] = {"totals": _totals(content)}
    made |= {name: _group(name, tables[name], language) for name in GROUPS}
    made["week_school"] = [
        [word("week", language), word("school", language), *_heads("held_rate", language)],
        *(
            [tables["week"][week - 1]["id"], schools[school], held, due, percent(held, due)]
            for week, school, held, due in content["week_school"]
        ),
    ]
    made["causes"] = [
        [word("school", language), *(f"{CAUSES[c].name(language)} [{c.value}]" for c in Cause)],
        *([schools[r["school_no"]], *(r[c.value] for c in Cause)]
          for r in content["causes_by_school"]),
    ]  # fmt: skip
    made["modes"] = [
        [word("school", language), *(f"{m.name(language)} [{code}]" for code, m in MODES.items())],
        *([r["name"], *(matrix[r["id"]][code] for code in MODES)]
          for r in tables["school"] if r["id"] in matrix),
    ]  # fmt: skip
    made["seats"] = [
        [heading(code, language) for code in COLUMNS],
        *([seat[code] for code in COLUMNS] for seat in named_seats(content)),
    ]
    fields = ("from", "to", "seconds", "occurrence", "seat", "at", "by", "reason")
    made["adjustments"] = [fields, *([a[f] for f in fields] for a in content["adjustments"])]
    return made


def _heads(code: str, language: str) -> list[str]:
    name = DEFINITIONS[code].name(language)
    return [
        f"{name} {word('numerator', language)} [{code}.numerator]",
        f"{name} {word('denominator', language)} [{code}.denominator]",
        f"{name} [{code}]",
    ]


def _values(value: Any) -> list[object]:
    if isinstance(value, Mapping):
        n, d = value["numerator"], value["denominator"]
        return [n, d, percent(n, d)]
    return [value]


def _totals(content: Mapping[str, Any]) -> list[Row]:
    language: str = content["language"]
    rows: list[Row] = [
        [word(k, language) for k in ("measure", "code", "value", "numerator", "denominator")]
    ]
    for code, definition in DEFINITIONS.items():
        values = _values(content["figures"]["totals"][code])
        n, d, value = values if len(values) == 3 else ("", "", values[0])
        rows.append([definition.name(language), code, value, n, d])
    return rows


def _group(name: str, rows: Sequence[Mapping[str, Any]], language: str) -> list[Row]:
    """Every measure that the rows have, in the order of the definitions."""
    codes = [c for c in DEFINITIONS if rows and c in rows[0]]
    heads: list[object] = [word("identifier", language), word(name, language)]
    if name == "classroom":
        heads.append(word("school", language))
    for code in codes:
        ratio = isinstance(rows[0][code], Mapping)
        heads += (
            _heads(code, language) if ratio else [f"{DEFINITIONS[code].name(language)} [{code}]"]
        )
    made: list[Row] = [heads]
    for row in rows:
        leads: list[object] = [row["id"], row["name"]]
        if name == "classroom":
            leads.append(row["school"])
        made.append([*leads, *(v for code in codes for v in _values(row[code]))])
    return made
