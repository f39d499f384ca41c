"""What kind of file this is, by its bytes and never by its name; what is dangerous is refused.

A workbook is a ZIP of XML parts. What a part says of its size is not believed: every part is
expanded once, counted, and given up at the bound.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Final

from .refusals import MAX_BYTES, refusal

MAX_PARTS: Final = 500  # a workbook of twenty sheets has about sixty
MAX_EXPANDED: Final = (
    80_000_000  # eight times the largest upload; XML of a table shrinks to a tenth
)
MAX_RATIO: Final = 200  # the emptiest real sheet shrinks to a hundredth
_RATIO_FROM: Final = 1_000_000
_CHUNK: Final = 1 << 16

_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_WORD: Final = "WordDocument".encode("utf-16-le")
_PICTURES: Final = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_ARCHIVES: Final = (b"Rar!", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")


def kind_of(data: bytes) -> str:
    """`xlsx`, `xml` or `text`; ProblemError for everything else, each with its remedy."""
    if len(data) > MAX_BYTES:
        raise refusal("file_too_large", len(data))
    if not data.strip(b" \t\r\n\0"):
        raise refusal("file_empty")
    if data.startswith(b"PK"):
        _check_workbook(data)
        return "xlsx"
    if data.startswith(_OLE):
        raise refusal(_ole(data))
    if b"%PDF-" in data[:1024]:
        raise refusal("file_pdf")
    if data.startswith(_PICTURES) or (data.startswith(b"RIFF") and data[8:12] == b"WEBP"):
        raise refusal("file_picture")
    if data.startswith(_ARCHIVES):
        raise refusal("file_archive")
    return "xml" if _looks_like_xml(data) else "text"


def _ole(data: bytes) -> str:
    if _ENCRYPTED in data:
        return "file_encrypted"
    return "file_word" if _WORD in data else "file_old_excel"


def _looks_like_xml(data: bytes) -> bool:
    head = data[:512]
    for mark in (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"):
        head = head.removeprefix(mark)
    return (
        head.replace(b"\0", b"")
        .lstrip()
        .startswith((b"<?xml", b"<!DOCTYPE", b"<timetable", b"<fet", b"<FET", b"<!--"))
    )


def _check_workbook(data: bytes) -> None:
    """Refuse whatever is no plain workbook, and whatever expands beyond reason."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            _check_names({p.filename for p in parts})
            if len(parts) > MAX_PARTS or sum(p.file_size for p in parts) > MAX_EXPANDED:
                raise refusal("file_expands")
            if any(p.flag_bits & 1 for p in parts):
                raise refusal("file_encrypted")
            _expand(archive, parts)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        ValueError,
        OSError,
        RuntimeError,
        OverflowError,
    ):
        raise refusal("file_damaged") from None


def _check_names(names: set[str]) -> None:
    lower = {n.lower() for n in names}
    if any(n.endswith(("vbaproject.bin", "vbadata.xml")) or "/macrosheets/" in n for n in lower):
        raise refusal("file_macros")
    if "xl/workbook.xml" in lower:
        return
    if "xl/workbook.bin" in lower:
        raise refusal("file_binary_excel")
    if "word/document.xml" in lower:
        raise refusal("file_word")
    raise refusal("file_ods" if "content.xml" in lower else "file_archive")


def _expand(archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo]) -> None:
    total = 0
    for part in parts:
        size = 0
        with archive.open(part) as stream:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                total += len(chunk)
                dense = size > _RATIO_FROM and size > MAX_RATIO * max(part.compress_size, 1)
                if total > MAX_EXPANDED or dense:
                    raise refusal("file_expands", part.filename[:80])
