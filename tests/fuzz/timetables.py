"""Fuzz targets of timetable files: a workbook's parts, delimited text, other programs' XML.

Whatever a file holds, reading ends in rows with sentences or in a refusal with a code, never in
anything else; and what was understood can be laid beside a draft.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import date

from sync_classroom.domain.calendar import Calendar
from sync_classroom.domain.ids import TermId
from sync_classroom.domain.import_plan import ImportDesk, RowKind, plan_import
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.working_copy import Images, WorkingCopy
from sync_classroom.exchange.reading import from_json, read, to_json
from sync_classroom.exchange.refusals import codes
from sync_classroom.exchange.rows import Setting, interpret
from tests.fuzz.reader import Reader, block
from tests.support.drafts import ZONE
from tests.support.plans import at
from tests.support.rosters import programme
from tests.support.timetable_files import (
    ASC,
    ENGLISH,
    FET,
    HEADINGS,
    MATHS,
    asc_in,
    csv_text,
    workbook,
)

ROSTER = programme()
TERM = TermId("2026-autumn")
PARTS = ("xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml", "xl/styles.xml")
NOW = at("07:00", "2026-09-07")


def understood(data: bytes) -> None:
    """What must hold of any file."""
    refused = ""
    try:
        content = read(data)
        assert from_json(json.loads(json.dumps(to_json(content)))) == content
        file = interpret(content, Setting(ROSTER, TERM))
    except ProblemError as problem:
        refused = problem.code
        file = None
    if file is None:
        assert refused in codes(), refused
        return
    for row in file.rows:
        assert (row.row is None) is any(p.grave for p in row.problems), row
        assert all(p.zh and p.en for p in row.problems)
    desk = ImportDesk(TERM, Calendar(ROSTER), ZONE, NOW, date(2026, 9, 7))
    plan = plan_import(file.rows, WorkingCopy(Images()), desk)
    assert len(plan.rows) == len(file.rows)
    for made, row in zip(plan.rows, file.rows, strict=True):
        assert (made.kind is RowKind.WRONG) is (row.row is None or row.row.term != TERM)


def workbook_target() -> Callable[[bytes], None]:
    """A real workbook with one of its parts replaced; or the bytes themselves as the file."""
    with zipfile.ZipFile(io.BytesIO(workbook([HEADINGS, ENGLISH]))) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}

    def run(data: bytes) -> None:
        reader = Reader(data)
        chosen = reader.u8() % (len(PARTS) + 1)
        if chosen == len(PARTS):
            understood(reader.rest())
            return
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as made:
            for name, content in (parts | {PARTS[chosen]: reader.rest()}).items():
                made.writestr(name, content)
        understood(out.getvalue())

    return run


def workbook_seeds() -> list[bytes]:
    """Each part as it is, a whole file, cells far away, merged areas, entities."""
    whole = workbook([HEADINGS, ENGLISH])
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        seeds = [bytes([n]) + archive.read(part) for n, part in enumerate(PARTS)]
    sheet, merged = seeds[0], b'<mergeCells><mergeCell ref="A1:C9"/></mergeCells>'
    return [
        *seeds,
        bytes([len(PARTS)]) + whole,
        sheet.replace(b'r="A1"', b'r="XFD1048576"'),
        sheet.replace(b"</sheetData>", b"</sheetData>" + merged),
        sheet.replace(b"?>", b'?><!DOCTYPE a [<!ENTITY b "c">]>', 1),
    ]  # fmt: skip


def text_target() -> Callable[[bytes], None]:
    """A heading of one's own in some encoding, and rows below it."""
    encodings = ("utf-8", "gbk", "utf-16", "utf-8-sig")

    def run(data: bytes) -> None:
        reader = Reader(data)
        encoding = encodings[reader.u8() % len(encodings)]
        heading = csv_text([HEADINGS]).encode(encoding) if reader.u8() % 2 else b""
        understood(heading + reader.rest())

    return run


def text_seeds() -> list[bytes]:
    """Good rows in each encoding, dates of spreadsheets, lists, nonsense in every cell."""
    rows = csv_text([ENGLISH, MATHS])
    odd = csv_text(
        [("1",) * 12, ("第3节-第4节", "2026-03-04", "1/4", "、,;", "-", "七", "3-4") * 2]
    )
    whole = csv_text([HEADINGS, ENGLISH], ";")
    return [
        b"\0\1" + rows.encode(),
        b"\1\1" + rows.encode("gbk"),
        b"\2\0" + whole.encode("utf-16"),
        b"\3\0" + whole.encode("utf-8-sig"),
        b"\0\1" + odd.encode(),
        b"\0\0" + csv_text([HEADINGS, MATHS], "\t").encode(),
    ]


def xml_target() -> Callable[[bytes], None]:
    """An aSc or FET export with a piece put in somewhere, or XML of one's own."""
    hosts = (ASC.encode(), FET.encode())

    def run(data: bytes) -> None:
        reader = Reader(data)
        chosen, place, piece = reader.u8() % 3, reader.u16(), reader.block()
        if chosen == 2:
            understood(piece + reader.rest())
            return
        host = hosts[chosen]
        start = place % len(host)
        understood(host[:start] + piece + host[start + reader.u8() :])

    return run


def xml_seeds() -> list[bytes]:
    """The exports as they are, another encoding, entities, a doctype, attributes twice."""

    def made(kind: int, place: int, piece: bytes, cut: int = 0) -> bytes:
        return bytes([kind]) + place.to_bytes(2, "big") + block(piece) + bytes([cut])

    return [
        made(0, 0, b""),
        made(1, 0, b""),
        bytes([2, 0, 0]) + block(asc_in("gbk")),
        made(0, 39, b'<!DOCTYPE a [<!ENTITY b "c">]>'),
        made(1, 39, b"<!DOCTYPE FET>", 14),
        made(0, ASC.index('period="1" weeks'), b'period="99999" '),
    ]
