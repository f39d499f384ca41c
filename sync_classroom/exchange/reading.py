"""Bytes of any kind to texts by rows: the part that meets the file, apart from what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ..domain.import_rows import FileKind
from .container import kind_of
from .foreign import Foreign, Record, read_foreign
from .markup import parse_xml
from .refusals import refusal
from .tables import MAX_ROWS, Table
from .texts import read_text
from .workbooks import read_workbook

# A term of a city is a third of a million characters; what is read is kept until it is taken.
MAX_TEXT: Final = 3_000_000


@dataclass(frozen=True, slots=True)
class Content:
    """The tables of a spreadsheet, or the records of another program's file."""

    kind: FileKind
    tables: tuple[Table, ...] = ()
    records: tuple[Record, ...] = ()


def read(data: bytes) -> Content:
    """What a file holds. ProblemError with a code of `refusals` for everything that is no
    timetable; nothing else is ever raised."""
    kind = kind_of(data)
    if kind == "xml":
        foreign: Foreign = read_foreign(parse_xml(data))
        if len(foreign.records) > MAX_ROWS:
            raise refusal("file_too_many_rows", len(foreign.records))
        if not foreign.records:
            raise refusal("file_no_rows")
        return Content(foreign.kind, records=foreign.records)
    tables = read_workbook(data) if kind == "xlsx" else [read_text(data)]
    if sum(len(cell) for t in tables for row in t.rows for cell in row) > MAX_TEXT:
        raise refusal("file_too_much_text")
    return Content(FileKind.SHEET, tables=tuple(t for t in tables if any(t.rows)))


def to_json(content: Content) -> dict[str, Any]:
    """JSON-able; `from_json` takes it back."""
    return {
        "kind": content.kind.value,
        "tables": [[t.name, t.first_line, t.rows] for t in content.tables],
        "records": [dict(r) for r in content.records],
    }


def from_json(values: dict[str, Any]) -> Content:
    """What `to_json` made."""
    return Content(
        FileKind(values["kind"]),
        tuple(Table(name, tuple(tuple(r) for r in rows), n) for name, n, rows in values["tables"]),
        tuple(values["records"]),
    )
