"""Delimited text in whatever encoding and with whatever separator an office's program wrote it."""

from __future__ import annotations

import csv
import io
from typing import Final

from .refusals import refusal
from .tables import MAX_ROWS, Table, table

_BOMS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_SEPARATORS: Final = (",", ";", "\t", "，", "；")
# Where text in UTF-16 without a mark has its zeros: Chinese headers always come with separators.
_SAMPLE: Final = 4096


def decode(data: bytes) -> str:
    """The text: by its mark, as UTF-8, as UTF-16, else as GB18030 (which holds GBK and GB2312)."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _decoded(data, encoding)
    sample = data[:_SAMPLE]
    if b"\0" in sample:
        little = sample[1::2].count(0) >= sample[::2].count(0)
        return _decoded(data, "utf-16-le" if little else "utf-16-be")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded(data, "gb18030")


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise refusal("file_encoding") from None


def read_text(data: bytes) -> Table:
    """A CSV, semicolon or tab separated table; ProblemError for what is no such text."""
    text = decode(data)
    if not text.strip():
        raise refusal("file_empty")
    # What no keyboard types is no text, whatever decoding made of it.
    if any(c < " " and c not in "\t\r\n\f" for c in text) or "\ufffd" in text:
        raise refusal("file_unknown")
    separator = _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows = []
    try:
        for row in reader:
            rows.append(row)
            if len(rows) > MAX_ROWS:
                raise refusal("file_too_many_rows")
    except csv.Error:
        raise refusal("file_damaged") from None
    return table("", rows)


def _separator(text: str) -> str:
    """The one that cuts the most lines alike; a file of one column is cut by none."""
    lines = [line for line in text.splitlines() if line.strip()][:20]

    def score(separator: str) -> tuple[int, int]:
        counts = [line.count(separator) for line in lines]
        common = max(set(counts), key=lambda n: (n > 0, counts.count(n)))
        return (counts.count(common) if common else 0, common)

    return max(_SEPARATORS, key=score)
