from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.bundle import parse_plan
from sync_classroom.domain.fields import MalformedError
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.timetable import Occurrence
from sync_classroom.exchange import plan_file
from sync_classroom.exchange.plan_file import PLAN_NAME, PlanFile, open_plan
from tests.support.random_bundles import bundles

Json = dict[str, Any]

SMALL: Json = {
    "schema": "sync-classroom/plan/1",
    "schools": [{"id": "h", "name": "四小", "role": "host", "joined_on": "2020-09-01"}],
    "classrooms": [
        {"id": "h-1", "school": "h", "name": "演播室", "commissioned_on": "2020-12-31"},
        {"id": "h-2", "school": "h", "name": "教室", "commissioned_on": "2020-12-31"},
    ],
    "teachers": [{"id": "h-t", "school": "h", "name": "王"}],
    "occurrences": [
        {
            "id": f"o{n}",
            "mode": "live",
            "title": "课",
            "subject": "英语",
            "date": "2026-11-23",
            "starts_at": "2026-11-23T09:00:00+08:00",
            "ends_at": "2026-11-23T09:40:00+08:00",
            "periods": 1,
            "host": {"school": "h", "classroom": "h-1", "teacher": "h-t"},
            "seats": [{"id": f"o{n}-s0", "classroom": "h-2"}],
        }
        for n in range(3)
    ],
}


LESSONS: list[Json] = SMALL["occurrences"]


def of_text(text: str | bytes, chunk_bytes: int = 64) -> PlanFile:
    data = text.encode() if isinstance(text, str) else text

    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        yield io.BytesIO(data)

    return PlanFile(opened, chunk_bytes=chunk_bytes)


def read(text: str | bytes, chunk_bytes: int = 64) -> list[Occurrence]:
    return list(of_text(text, chunk_bytes).occurrences())


@given(
    bundles(),
    st.randoms(use_true_random=False),
    st.sampled_from([1, 2, 7, 64, 1 << 18]),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_a_plan_read_piece_by_piece_is_the_plan_read_whole(
    bundle: tuple[Json, list[Json]], random: Any, chunk: int, indent: int | None, ascii_: bool
) -> None:
    keys = list(bundle[0])
    random.shuffle(keys)
    plan = {key: bundle[0][key] for key in keys}
    text = json.dumps(plan, ensure_ascii=ascii_, indent=indent)
    file, whole = of_text(text, chunk), parse_plan(plan)
    assert file.roster == whole.roster
    assert list(file.occurrences()) == list(whole.occurrences.values())
    assert list(file.occurrences()) == list(whole.occurrences.values())


def test_a_file_in_our_own_order_is_gone_through_once_for_its_roster() -> None:
    read_bytes = []

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            read_bytes.append(len(data))
            return data

    head = {
        "schema": SMALL["schema"],
        "timezone": "Asia/Shanghai",
        "target_classrooms": 48,
        **{
            table: SMALL.get(table, [])
            for table in (
                "schools",
                "classrooms",
                "classes",
                "teachers",
                "terms",
                "days",
                "bell_sets",
            )
        },
    }
    text = json.dumps({**head, "occurrences": SMALL["occurrences"] * 50}).encode()

    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        yield Counted(text)

    PlanFile(opened, chunk_bytes=64)
    assert sum(read_bytes) < len(json.dumps(head)) + 200


def test_what_stands_behind_the_occurrences_is_read_too() -> None:
    text = json.dumps({**SMALL, "target_classrooms": 48})
    assert of_text(text, 64).roster.target_classrooms == 48


@pytest.mark.parametrize("empty", ["null", "[]", "[ ]"])
def test_no_occurrences_are_an_empty_plan(empty: str) -> None:
    small = {k: v for k, v in SMALL.items() if k != "occurrences"}
    assert read(json.dumps(small)) == []
    assert read(json.dumps(small).removesuffix("}") + f', "occurrences": {empty}}}') == []


def test_a_byte_order_mark_is_no_part_of_the_plan() -> None:
    assert len(read(b"\xef\xbb\xbf" + json.dumps(SMALL, ensure_ascii=False).encode())) == 3


@pytest.mark.parametrize(
    ("change", "where", "field"),
    [
        ({"schema": "x"}, "plan", "schema"),
        ({"occurrences": {}}, "plan", "occurrences"),
        ({"occurrences": 7}, "plan", "occurrences"),
        ({"occurrences": [*LESSONS, LESSONS[0]]}, "plan, occurrences 'o0'", "id"),
        ({"occurrences": [{**LESSONS[0], "date": "soon"}]}, "plan, occurrences 'o0'", "date"),
        ({"occurrences": [7]}, "plan, occurrences[0]", None),
        ({"pushes": [{"id": "p"}]}, "plan, pushes 'p'", "resource"),
        ({"schools": []}, "roster, classrooms 'h-1'", "school"),
    ],
)  # fmt: skip
def test_a_bad_record_is_refused_by_place_and_field(
    change: Json, where: str, field: str | None
) -> None:
    with pytest.raises(MalformedError) as caught:
        read(json.dumps({**SMALL, **change}))
    assert (caught.value.where, caught.value.field) == (where, field)


GOOD = json.dumps(SMALL, indent=1, ensure_ascii=False)


def line_of(text: str) -> str:
    """Where the good plan has a text; its last line for none."""
    before = GOOD.partition(text)[0] if text else GOOD
    return f"plan, line {before.count(chr(10)) + 1}"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "plan, line 1"),
        ("  \n ", "plan, line 2"),
        ("[]", "plan"),
        ("7", "plan"),
        ("{", "plan, line 1"),
        ('{"schema"', "plan, line 1"),
        ('{"schema": "x" "y"}', "plan, line 1"),
        ('{\n"schema": "x",\n}', "plan, line 3"),
        ("{schema: 1}", "plan, line 1"),
        (f"{GOOD} x", line_of("")),
        (GOOD.replace('"live"', "live", 1), line_of('"live"')),
        (GOOD[: GOOD.index('"o2-s0"') + 3], line_of('"o2-s0"')),
        (GOOD[: GOOD.index("演")], line_of("演")),
        (GOOD.replace('"teachers"', '"schools"'), "plan"),
        (b'{"schema": "\xff"}', "plan, line 1"),
        ('{"x": ' + "[" * 100_000, "plan, line 1"),
        ('{"schema": -', "plan, line 1"),
        ('{"schema": ' + "7" * 5000 + "}", "plan, line 1"),
        ('{"schema": "\\u12', "plan, line 1"),
    ],
)
@pytest.mark.parametrize("chunk", [3, 1 << 18])
def test_what_is_no_json_is_refused_by_line(text: str | bytes, where: str, chunk: int) -> None:
    with pytest.raises(MalformedError) as caught:
        read(text, chunk)
    assert caught.value.where == where
    assert len(str(caught.value)) < 300


def test_a_mistake_early_in_a_large_file_is_told_without_reading_it_all() -> None:
    read_bytes = []

    class Endless(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            read_bytes.append(size)
            return b'{"schools": [1,, ' if len(read_bytes) == 1 else b" " * size

    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        yield Endless()  # type: ignore[misc]

    with pytest.raises(MalformedError, match="line 1"):
        PlanFile(opened, chunk_bytes=1000)
    assert len(read_bytes) < 4


def test_a_value_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_file, "MAX_VALUE_CHARS", 1000)
    with pytest.raises(MalformedError, match="is not JSON"):
        read('{"x": "' + "a" * 5000 + '"}')
    assert len(read(json.dumps({"x": "a" * 400, **SMALL}))) == 3


def test_a_file_a_folder_and_a_bundle_are_the_same_plan(tmp_path: Path) -> None:
    (tmp_path / PLAN_NAME).write_text(json.dumps(SMALL), "utf-8")
    bundle = tmp_path / "b.zip"
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as out:
        out.write(tmp_path / PLAN_NAME, PLAN_NAME)
        out.writestr("rules.json", "{}")
    found = [list(open_plan(p).occurrences()) for p in (tmp_path / PLAN_NAME, tmp_path, bundle)]
    assert found[0] == found[1] == found[2] == list(parse_plan(SMALL).occurrences.values())


def test_a_path_without_a_plan_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as out:
        out.writestr("facts.ndjson", "")
    secret = tmp_path / "secret.zip"
    with zipfile.ZipFile(secret, "w") as out:
        out.writestr(PLAN_NAME, "{}")
    data = bytearray(secret.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    secret.write_bytes(data)
    broken = tmp_path / "broken.zip"
    with zipfile.ZipFile(broken, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(PLAN_NAME, json.dumps(SMALL))
    data = bytearray(broken.read_bytes())
    data[60:90] = b"\xff" * 30
    broken.write_bytes(data)
    for path in (tmp_path / "nowhere.json", tmp_path / "empty", other, secret, broken):
        with pytest.raises(ProblemError) as caught:
            list(open_plan(path).occurrences())
        assert caught.value.code == "plan_unreadable"
        assert path.name in str(caught.value.value)
