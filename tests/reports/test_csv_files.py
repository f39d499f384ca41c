"""CSV as a spreadsheet opens it: a BOM, every table, the values of the audit, no formula."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

from sync_classroom.domain.definitions import DEFINITIONS
from sync_classroom.domain.writing import percent
from sync_classroom.reports.csv_files import GROUPS, make_csv, written
from tests.support.reports import content


def tables(made: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    with zipfile.ZipFile(io.BytesIO(make_csv(made))) as packed:
        data = {n.removesuffix(".csv"): packed.read(n) for n in packed.namelist()}
    assert all(d.startswith(b"\xef\xbb\xbf") for d in data.values())
    return {n: list(csv.DictReader(io.StringIO(d.decode("utf-8-sig")))) for n, d in data.items()}


def test_every_table_has_the_values_of_the_audit() -> None:
    made = content("en")
    found = tables(made)
    for group in GROUPS:
        for row, figures in zip(found[group], made["tables"][group], strict=True):
            for code in DEFINITIONS:
                if code not in figures:
                    continue
                cells = {k.rpartition("[")[2]: v for k, v in row.items() if f"[{code}" in k}
                value = figures[code]
                if isinstance(value, dict):
                    n, d = value["numerator"], value["denominator"]
                    wanted = [str(n), str(d), percent(n, d)]
                else:
                    wanted = [str(value)]
                assert list(cells.values()) == wanted, (group, code)
    totals = {row["Code"]: row for row in found["totals"]}
    assert set(totals) == set(DEFINITIONS)
    held = made["figures"]["totals"]["held_rate"]
    assert totals["held_rate"]["numerator"] == str(held["numerator"])
    assert len(found["seats"]) == len(made["seats"])
    assert len(found["adjustments"]) == len(made["adjustments"])


def test_text_that_looks_like_a_formula_gets_an_apostrophe() -> None:
    rows = written([["=1+1", "+a", "-b", "@c", "\td", "e=f", "-", 5, None, "a\ud800"]])
    found = next(csv.reader(io.StringIO(rows.decode("utf-8-sig"))))
    assert found == ["'=1+1", "'+a", "'-b", "'@c", "'\td", "e=f", "'-", "5", "", "a?"]


def test_hostile_names_stay_in_their_cells() -> None:
    made = content(hostile=True)
    found = tables(made)
    assert len(found["seats"]) == len(made["seats"])
    first = next(iter(found["school"]))
    for cell in first.values():
        assert not cell.startswith(("=", "+", "@"))
