"""A workbook recomputed: every formula from the plain cells it refers to, and what was cached.

A spreadsheet of its own for the few functions that reports use, so that a test sees whether the
formulas give the values that stand beside them, and not only that both were written.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from xml.etree import ElementTree

Value = float | str
_NS: Final = {
    "m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
}
_RELATION: Final = f"{{{_NS['r']}}}id"
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<text>"[^"]*")|(?P<range>(?:'(?P<sheet>[^']+)'!)?\$?[A-Z]+\$?\d+(?::\$?[A-Z]+\$?\d+)?)
    |(?P<name>[A-Z]+)(?=\()|(?P<number>\d+(?:\.\d+)?)|(?P<sign>[-+*/(),=]))""",
    re.VERBOSE,
)
_CELL: Final = re.compile(r"\$?([A-Z]+)\$?(\d+)")


@dataclass
class Workbook:
    """`formulas` and `cached` values by sheet and cell (`"A1"`)."""

    data: bytes
    formulas: dict[tuple[str, str], str] = field(default_factory=dict)
    cached: dict[tuple[str, str], Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with zipfile.ZipFile(io.BytesIO(self.data)) as packed:
            shared = ElementTree.fromstring(packed.read("xl/sharedStrings.xml"))
            texts = ["".join(si.itertext()) for si in shared.findall("m:si", _NS)]
            relations = ElementTree.fromstring(packed.read("xl/_rels/workbook.xml.rels"))
            targets = {r.get("Id"): r.get("Target") for r in relations}
            book = ElementTree.fromstring(packed.read("xl/workbook.xml"))
            for sheet in book.findall("m:sheets/m:sheet", _NS):
                xml = packed.read(f"xl/{targets[sheet.get(_RELATION)]}")
                self._read(str(sheet.get("name")), ElementTree.fromstring(xml), texts)

    def _read(self, sheet: str, root: ElementTree.Element, texts: list[str]) -> None:
        for cell in root.iterfind(".//m:c", _NS):
            at = sheet, str(cell.get("r"))
            value, formula = cell.find("m:v", _NS), cell.find("m:f", _NS)
            if formula is not None:
                self.formulas[at] = str(formula.text)
            if value is not None and value.text is not None:
                kind = cell.get("t")
                plain: Value = value.text if kind == "str" else float(value.text)
                self.cached[at] = texts[int(value.text)] if kind == "s" else plain

    @cached_property
    def computed(self) -> dict[tuple[str, str], Value]:
        """The value of every formula, from plain cells alone."""
        found: dict[tuple[str, str], Value] = {}
        columns: dict[str, list[Value | None]] = {}

        def value(sheet: str, cell: str) -> Value | None:
            at = sheet, cell
            if at not in self.formulas:
                return self.cached.get(at)
            if at not in found:
                found[at] = _Formula(self.formulas[at], sheet, value, columns).value()
            return found[at]

        for sheet, cell in self.formulas:
            value(sheet, cell)
        return found

    def differences(self) -> Iterator[str]:
        """Formulas whose value is not the one that was cached."""
        for (sheet, cell), value in self.computed.items():
            was = self.cached.get((sheet, cell))
            same = (
                abs(value - was) < 1e-9
                if isinstance(value, float) and isinstance(was, float)
                else value == was
            )
            if not same:
                formula = self.formulas[sheet, cell]
                yield f"{sheet}!{cell} ={formula} is {value!r}, cached {was!r}"


class _Formula:
    """One formula, read from left to right."""

    def __init__(
        self,
        text: str,
        sheet: str,
        cell: Callable[[str, str], Value | None],
        columns: dict[str, list[Value | None]],
    ) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            token = _TOKEN.match(text, at)
            if token is None:
                raise ValueError(f"cannot read {text[at:]!r} of {text!r}")
            kind = str(token.lastgroup if token.lastgroup != "sheet" else "range")
            self._tokens.append((kind, token.group(kind)))
            at = token.end()
        self._sheet = sheet
        self._cell = cell
        self._columns = columns

    def value(self) -> Value:
        """What the formula comes to."""
        found = self._sum()
        assert not self._tokens, self._tokens
        return found

    def _take(self, sign: str) -> bool:
        if self._tokens and self._tokens[0] == ("sign", sign):
            self._tokens.pop(0)
            return True
        return False

    def _need(self, sign: str) -> None:
        assert self._take(sign), (sign, self._tokens)

    def _sum(self) -> Value:
        found = self._product()
        while self._tokens and self._tokens[0] in (("sign", "+"), ("sign", "-")):
            plus = self._tokens.pop(0)[1] == "+"
            other = _number(self._product())
            found = _number(found) + (other if plus else -other)
        return found

    def _product(self) -> Value:
        found = self._one()
        while self._tokens and self._tokens[0] in (("sign", "*"), ("sign", "/")):
            times = self._tokens.pop(0)[1] == "*"
            other = _number(self._one())
            if not times and not other:
                return "#DIV/0!"
            found = _number(found) * other if times else _number(found) / other
        return found

    def _one(self) -> Value:
        kind, text = self._tokens.pop(0)
        if (kind, text) == ("sign", "("):
            inner = self._sum()
            self._need(")")
            return inner
        if kind == "number":
            return float(text)
        if kind == "text":
            return text[1:-1]
        if kind == "range":
            (only,) = self._range(text)
            return 0.0 if only is None else only
        self._need("(")
        whole = {"IF": self._if, "ROWS": self._rows, "SUM": self._all}
        found = whole[text]() if text in whole else self._counted(text)
        self._need(")")
        return found

    def _if(self) -> Value:
        left = self._sum()
        self._need("=")
        equal = left == self._sum()
        self._need(",")
        then = self._sum()
        self._need(",")
        other = self._sum()
        return then if equal else other

    def _rows(self) -> Value:
        return float(len(self._range(self._tokens.pop(0)[1])))

    def _all(self) -> Value:
        return float(sum(v for v in self._range(self._tokens.pop(0)[1]) if isinstance(v, float)))

    def _counted(self, name: str) -> Value:
        """SUMIFS, COUNTIFS, COUNTIF."""
        summed = None
        if name == "SUMIFS":
            summed = self._range(self._tokens.pop(0)[1])
            self._need(",")
        elif name not in ("COUNTIFS", "COUNTIF"):
            raise ValueError(f"no function {name}")
        rows: list[bool] = []
        while True:
            column = self._range(self._tokens.pop(0)[1])
            self._need(",")
            wanted = self._sum()
            fits = [_fits(v, wanted) for v in column]
            rows = fits if not rows else [a and b for a, b in zip(rows, fits, strict=True)]
            if not self._take(","):
                break
        if summed is None:
            return float(sum(rows))
        pairs = zip(summed, rows, strict=True)
        return float(sum(v for v, counts in pairs if counts and isinstance(v, float)))

    def _range(self, text: str) -> list[Value | None]:
        sheet, _, cells = text.rpartition("!")
        sheet = sheet.strip("'") or self._sheet
        first, _, last = cells.partition(":")
        key = f"{sheet}!{cells}"
        if not last:
            return [self._cell(sheet, first.replace("$", ""))]
        if key not in self._columns:
            (column, begin), (other, end) = (_CELL.findall(c)[0] for c in (first, last))
            assert column == other, text
            self._columns[key] = [
                self._cell(sheet, f"{column}{row}") for row in range(int(begin), int(end) + 1)
            ]
        return self._columns[key]


def _number(value: Value) -> float:
    if not isinstance(value, float):
        raise ValueError(f"{value!r} is no number")
    return value


def _fits(value: Value | None, wanted: Value) -> bool:
    if isinstance(wanted, str) and wanted.startswith(">"):
        return isinstance(value, float) and value > float(wanted[1:])
    return value == wanted
