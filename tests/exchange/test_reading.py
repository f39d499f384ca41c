from __future__ import annotations

import json
import random

import pytest

from sync_classroom.domain.import_rows import FileKind
from sync_classroom.domain.problems import ProblemError
from sync_classroom.exchange import refusals
from sync_classroom.exchange.reading import from_json, read, to_json
from tests.support.timetable_files import ASC, ENGLISH, FET, HEADINGS, csv_text, workbook

FILES = {
    FileKind.SHEET: workbook([HEADINGS, ENGLISH]),
    FileKind.ASC: ASC.encode(),
    FileKind.FET: FET.encode(),
}


@pytest.mark.parametrize("kind", FILES)
def test_content_travels_as_json(kind: FileKind) -> None:
    content = read(FILES[kind])
    assert content.kind is kind
    assert from_json(json.loads(json.dumps(to_json(content)))) == content


def test_export_without_lessons_is_refused() -> None:
    with pytest.raises(ProblemError) as caught:
        read(b"<timetable><lessons/><cards/></timetable>")
    assert caught.value.code == "file_no_rows"


def test_file_of_text_alone_is_refused_before_it_is_kept() -> None:
    row = ",".join(["长" * 1000] * 10).encode()
    with pytest.raises(ProblemError) as caught:
        read(b"\n".join([row] * 301))
    assert caught.value.code == "file_too_much_text"
    assert len(read(b"\n".join([row] * 300)).tables[0].rows) == 300


@pytest.mark.parametrize("data", [*FILES.values(), csv_text([HEADINGS, ENGLISH]).encode("gbk")])
def test_damage_anywhere_is_a_sentence_and_nothing_else(data: bytes) -> None:
    draw = random.Random(4)
    codes = set()
    for _ in range(150):
        torn = bytearray(data)
        for _ in range(draw.randint(1, 8)):
            torn[draw.randrange(len(torn))] = draw.randrange(256)
        if draw.random() < 0.3:
            del torn[draw.randrange(len(torn)) :]
        try:
            read(bytes(torn))
        except ProblemError as problem:
            codes.add(problem.code)
    assert codes
    assert codes <= set(refusals.codes())
