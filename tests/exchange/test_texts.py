from __future__ import annotations

import pytest

from sync_classroom.domain.problems import ProblemError
from sync_classroom.exchange.tables import MAX_ROWS
from sync_classroom.exchange.texts import read_text
from tests.support.timetable_files import ENGLISH, HEADINGS, MATHS, csv_text

ROWS = (HEADINGS, ENGLISH, MATHS)
TIDY = tuple(tuple(row) for row in (HEADINGS, ENGLISH, MATHS[:10]))


@pytest.mark.parametrize("separator", [",", ";", "\t", "，"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be"]
)
def test_every_encoding_and_separator_reads_alike(encoding: str, separator: str) -> None:
    data = csv_text(ROWS, separator).encode(encoding)
    assert read_text(data).rows == TIDY


def test_name_that_gbk_lacks_is_read_as_gb18030() -> None:
    assert read_text("科目,教师\n英语,㐂𠮷\n".encode("gb18030")).rows[1] == ("英语", "㐂𠮷")


def test_quoted_cells_keep_their_separators_and_lines() -> None:
    text = '科目,听课教室\n英语,"a,b\nc ""d"""\n'
    assert read_text(text.encode()).rows[1] == ("英语", 'a,b\nc "d"')


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xef\xbb\xbf  \n", "file_empty"),
        (b"\xff\xfe\x00", "file_encoding"),
        (b"\x81", "file_encoding"),
        (bytes(range(1, 32)) * 10, "file_unknown"),
        ("科目,\x01教师".encode(), "file_unknown"),
        (("科目" + "长" * 200_000).encode(), "file_damaged"),
        (b"a,b\n" * (MAX_ROWS + 1), "file_too_many_rows"),
    ],
)
def test_rubbish_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read_text(data)
    assert caught.value.code == code
