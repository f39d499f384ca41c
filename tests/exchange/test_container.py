from __future__ import annotations

import io
import zipfile

import pytest

from sync_classroom.domain.problems import ProblemError
from sync_classroom.exchange.container import MAX_EXPANDED, kind_of
from sync_classroom.exchange.refusals import MAX_BYTES
from tests.support.timetable_files import (
    ASC,
    ENGLISH,
    FET,
    HEADINGS,
    csv_text,
    encrypted_workbook,
    lying_bomb,
    old_office,
    png,
    repacked,
    workbook,
)

PLAIN = workbook([HEADINGS, ENGLISH])


def _zip(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return out.getvalue()


def _flagged_encrypted() -> bytes:
    """Every part says it is encrypted, as zip programs with a password write it."""
    data = bytearray(PLAIN)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 4)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PLAIN, "xlsx"),
        (ASC.encode(), "xml"),
        (b"\xef\xbb\xbf\r\n" + FET.encode(), "xml"),
        (FET.encode("utf-16"), "xml"),
        (csv_text([HEADINGS, ENGLISH]).encode("gbk"), "text"),
        (csv_text([HEADINGS, ENGLISH]).encode("utf-16"), "text"),
    ],
)
def test_kind_is_told_by_the_bytes(data: bytes, kind: str) -> None:
    assert kind_of(data) == kind


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_empty"),
        (b" \r\n\0\0", "file_empty"),
        (b"x" * (MAX_BYTES + 1), "file_too_large"),
        (repacked(PLAIN, xl__vbaProject_dot_bin=b"x"), "file_macros"),
        (repacked(PLAIN, xl__macrosheets__sheet1_dot_xml=b"<x/>"), "file_macros"),
        (encrypted_workbook(), "file_encrypted"),
        (_flagged_encrypted(), "file_encrypted"),
        (old_office("Workbook"), "file_old_excel"),
        (old_office("WordDocument"), "file_word"),
        (_zip(word__document_dot_xml=b"<x/>"), "file_word"),
        (_zip(xl__workbook_dot_bin=b"x"), "file_binary_excel"),
        (_zip(content_dot_xml=b"<x/>", mimetype=b"ods"), "file_ods"),
        (_zip(timetable_dot_csv=b"a,b"), "file_archive"),
        (b"Rar!\x1a\x07\0", "file_archive"),
        (b"\n%PDF-1.7\n", "file_pdf"),
        (png(), "file_picture"),
        (b"\xff\xd8\xff\xe0" + bytes(50) + b"x", "file_picture"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "file_picture"),
        (PLAIN[: len(PLAIN) // 2], "file_damaged"),
        (b"PK\x03\x04" + bytes(100) + b"x", "file_damaged"),
        (PLAIN[:100] + b"\xff" * 200 + PLAIN[300:], "file_damaged"),
    ],
)  # fmt: skip
def test_what_is_no_timetable_is_refused_by_its_own_name(data: bytes, code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        kind_of(data)
    assert caught.value.code == code


def test_bomb_that_declares_its_size_is_refused() -> None:
    bomb = repacked(PLAIN, xl__media__a_dot_png=bytes(MAX_EXPANDED))
    assert len(bomb) < MAX_BYTES
    with pytest.raises(ProblemError) as caught:
        kind_of(bomb)
    assert caught.value.code == "file_expands"


def test_bomb_by_ratio_is_refused_long_before_the_bound() -> None:
    with pytest.raises(ProblemError) as caught:
        kind_of(repacked(PLAIN, xl__media__a_dot_png=bytes(3_000_000)))
    assert (caught.value.code, caught.value.value) == ("file_expands", "xl/media/a.png")


def test_bomb_that_lies_about_its_size_is_refused() -> None:
    with pytest.raises(ProblemError) as caught:
        kind_of(lying_bomb(3_000_000))
    assert caught.value.code in ("file_damaged", "file_expands")


def test_archive_of_a_thousand_parts_is_refused() -> None:
    with pytest.raises(ProblemError) as caught:
        kind_of(repacked(PLAIN, **{f"xl__x{n}": b"" for n in range(1000)}))
    assert caught.value.code == "file_expands"
