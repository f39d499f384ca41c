"""Timetable files for tests, made in memory: workbooks, CSV, aSc and FET exports, and rubbish."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import xlsxwriter

HEADINGS = (
    "科目", "课题", "主讲教师", "主讲教室", "主讲班级", "星期", "节次", "连堂", "单双周",
    "听课教室", "听课班级", "应到",
)  # fmt: skip
ENGLISH = (
    "英语", "Unit 6", "host-1-t1", "host-1-r1", "host-1-c3", "周一", "1", "", "全",
    "remote-1-r1、remote-2-r1", "remote-1-c3、remote-2-c3", "42",
)  # fmt: skip
MATHS = (
    "数学", "", "host-2-t2", "host-2-r1", "", "Wed", "第2节", "", "双", "remote-3-r4", "", "",
)  # fmt: skip


def workbook(
    rows: Sequence[Sequence[object]],
    *,
    above: Sequence[Sequence[object]] = (),
    merge: Sequence[tuple[int, int, int, int, object]] = (),
    hidden: bool = False,
) -> bytes:
    """An XLSX with these rows below `above`; `merge` are areas with their value."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet("课表")
        for n, row in enumerate((*above, *rows)):
            for column, value in enumerate(row):
                if value != "":
                    sheet.write(n, column, value)
        for top, left, bottom, right, value in merge:
            sheet.merge_range(top, left, bottom, right, value)
        if hidden:
            other = book.add_worksheet("隐藏")
            other.write_row(0, 0, HEADINGS)
            other.write_row(1, 0, MATHS)
            other.hide()
    return out.getvalue()


def csv_text(rows: Sequence[Sequence[str]], separator: str = ",") -> str:
    """The rows as text; no cell has the separator or a quote in it."""
    return "".join(separator.join(row) + "\r\n" for row in rows)


def repacked(data: bytes, **parts: bytes) -> bytes:
    """A workbook with parts added or replaced; `__` in a name is `/`, `_dot_` is `.`."""
    named = {k.replace("__", "/").replace("_dot_", "."): v for k, v in parts.items()}
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for part in old.infolist():
            if part.filename not in named:
                new.writestr(part.filename, old.read(part))
        for name, content in named.items():
            new.writestr(name, content)
    return out.getvalue()


def lying_bomb(size: int) -> bytes:
    """A workbook with a part that says it is ten bytes and is `size`."""
    data = repacked(workbook([HEADINGS]), xl__media__image1_dot_png=b"0" * size)
    true, false = struct.pack("<I", size), struct.pack("<I", 10)
    assert data.count(true) == 2
    return data.replace(true, false)


def encrypted_workbook() -> bytes:
    """What Excel writes with a password: an OLE container with this stream's name in it."""
    return (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1024) + "EncryptedPackage".encode("utf-16-le")
    )


def old_office(stream: str) -> bytes:
    """An OLE container with a stream of this name: `Workbook` or `WordDocument`."""
    return (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1024) + stream.encode("utf-16-le") + bytes(64)
    )


def png() -> bytes:
    """A picture."""
    return b"\x89PNG\r\n\x1a\n" + zlib.compress(bytes(100))


_FILES = Path(__file__).parent.parent / "exchange" / "files"
ASC = (_FILES / "asc.xml").read_text("utf-8")
FET = (_FILES / "school.fet").read_text("utf-8")


def asc_in(encoding: str) -> bytes:
    """The aSc export as a program of this encoding writes it."""
    return ASC.replace("UTF-8", encoding).encode(encoding)
