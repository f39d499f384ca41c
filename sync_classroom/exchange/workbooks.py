"""XLSX through calamine, once `container` has looked it over."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Final
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

import defusedxml.sax
from defusedxml import DefusedXmlException
from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from .refusals import refusal
from .tables import MAX_COLUMNS, MAX_ROWS, MAX_SHEETS, Table, table

_CELL: Final = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")
_ROW: Final = re.compile(r"[0-9]{1,7}")


def read_workbook(data: bytes) -> list[Table]:
    """The visible sheets. A merged area reads as if its value stood in each of its cells."""
    _check_extent(data)
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
            found = [
                sheet
                for n, sheet in enumerate(workbook.sheets_metadata)
                if sheet.typ is SheetTypeEnum.WorkSheet
                and sheet.visible is SheetVisibleEnum.Visible
                and n < MAX_SHEETS
            ]
            return [_table(workbook.get_sheet_by_name(sheet.name)) for sheet in found]
    except PasswordError:
        raise refusal("file_encrypted") from None
    except (CalamineError, OSError, ValueError, OverflowError):
        raise refusal("file_damaged") from None


def _table(sheet: CalamineSheet) -> Table:
    rows = [list(row) for row in sheet.to_python(skip_empty_area=False)]
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        if top >= len(rows) or left >= len(rows[top]):
            continue
        value = rows[top][left]
        for row in rows[top : bottom + 1]:
            row[left : right + 1] = [value] * len(row[left : right + 1])
    return table(sheet.name[:80], rows)


class _Extent(ContentHandler):
    """How far the cells with a value reach; empty cells with a border are no data."""

    def __init__(self) -> None:
        super().__init__()
        self._row = self._column = 0

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 - SAX
        """Follow rows and cells; ProblemError for a value too far away."""
        local = name.rpartition(":")[2]
        if local == "row":
            self._row = self._given(attrs, self._row + 1)
            self._column = 0
        elif local == "c":
            self._column += 1
            if "r" in attrs:
                match = _CELL.fullmatch(attrs["r"])
                if match is None:  # calamine would make of it what it likes
                    raise refusal("file_damaged")
                self._column, self._row = _column_number(match[1]), int(match[2])
        elif local in ("v", "is"):
            if self._row > MAX_ROWS:
                raise refusal("file_too_many_rows", self._row)
            if self._column > MAX_COLUMNS:
                raise refusal("file_too_many_columns", self._column)

    @staticmethod
    def _given(attrs: AttributesImpl, default: int) -> int:
        if "r" not in attrs:
            return default
        if not _ROW.fullmatch(attrs["r"]):
            raise refusal("file_damaged")
        return int(attrs["r"])


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _check_extent(data: bytes) -> None:
    """calamine keeps a dense rectangle: one cell at the far corner would be 17 milliards."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for part in archive.infolist():
            if not part.filename.lower().endswith((".xml", ".rels")):
                continue
            sheet = part.filename.lower().startswith("xl/worksheets/")
            handler = _Extent() if sheet else ContentHandler()
            try:
                with archive.open(part) as stream:
                    defusedxml.sax.parse(stream, handler, forbid_dtd=True)
            except DefusedXmlException:
                raise refusal("file_entities") from None
            except (SAXException, ValueError, LookupError):
                raise refusal("file_damaged") from None
