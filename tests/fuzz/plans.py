"""Fuzz target of plans: what is read piece by piece is what is read whole, or both refuse it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from sync_classroom.domain.bundle import parse_occurrence, parse_plan, read_occurrences
from sync_classroom.domain.fields import Fields, MalformedError
from sync_classroom.domain.timetable import Occurrence, Plan
from sync_classroom.exchange.plan_file import PlanFile

# Prime, so that every kind of token is cut off somewhere.
CHUNK = 31


def plan_target() -> Callable[[bytes], None]:
    """Any file taken for a plan."""

    def run(data: bytes) -> None:
        whole = read_whole(data)
        pieces = read_pieces(data)
        if pieces is not None:
            assert whole is not None, "what is no plan was read piece by piece"
            file, occurrences = pieces
            assert file.roster == whole.roster
            assert occurrences == list(whole.occurrences.values())
        if whole is not None:
            # A key written twice is refused in pieces; whole, the last one stands.
            assert pieces is not None or has_a_key_twice(data), "a plan was refused"
            read_carefully(json.loads(data.decode("utf-8-sig")), whole)

    return run


def read_whole(data: bytes) -> Plan | None:
    """The plan; None if the file is none. Any other error is a defect."""
    try:
        values = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    try:
        return parse_plan(values)
    except MalformedError:
        return None


def read_pieces(data: bytes) -> tuple[PlanFile, list[Occurrence]] | None:
    """As `read_whole`, by the reader of large files."""

    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        yield io.BytesIO(data)

    try:
        file = PlanFile(opened, chunk_bytes=CHUNK)
        return file, list(file.occurrences())
    except MalformedError:
        return None


def read_carefully(values: dict[str, Any], plan: Plan) -> None:
    """What has nothing wrong with it is read quickly; the careful reader must read the same."""
    for item, occurrence in zip(
        values.get("occurrences") or (), plan.occurrences.values(), strict=True
    ):
        careful = parse_occurrence(Fields(item, "plan"), plan.roster)
        assert careful == occurrence
        assert list(read_occurrences([item], plan.roster)) == [careful]


def has_a_key_twice(data: bytes) -> bool:
    """Whether any object of the text has a key twice."""
    twice = False

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        twice = twice or len({key for key, _ in items}) < len(items)
        return dict(items)

    json.loads(data.decode("utf-8-sig"), object_pairs_hook=pairs)
    return twice


def plan_seeds() -> list[bytes]:
    """A small plan in our own order, in another, indented, in Chinese, and empty ones."""
    lesson = {
        "id": "o1", "mode": "live", "title": "课", "subject": "英语", "date": "2026-11-23",
        "starts_at": "2026-11-23T09:00:00+08:00", "ends_at": "2026-11-23T09:40:00+08:00",
        "periods": 1, "grade": 3, "term": "t",
        "host": {"school": "h", "classroom": "h-1", "teacher": "h-t", "class": "h-c"},
        "seats": [{"id": "o1-s0", "classroom": "h-2", "class": None, "expected": 42},
                  {"id": "o1-s1", "classroom": "h-1", "assistant": "h-t"}],
        "slot": {"series": "s", "date": "2026-11-23"},
    }  # fmt: skip
    moved = {"kind": "moved", "to": "o1", "at": "2026-11-22T09:00:00Z", "by": "x", "reason": ""}
    other = {**lesson, "id": "o2", "slot": None, "changes": [moved], "participants": ["h-t"]}
    term = {
        "id": "t", "name": "t",
        "week1_monday": "2026-08-31", "first_day": "2026-09-01", "last_day": "2027-01-22",
    }  # fmt: skip
    in_use = {"school": "h", "name": "教室", "commissioned_on": "2020-12-31"}
    plan = {
        "schema": "sync-classroom/plan/1", "timezone": "Asia/Shanghai", "target_classrooms": 48,
        "schools": [{"id": "h", "name": "四小", "role": "host", "joined_on": "2020-09-01"}],
        "classrooms": [{"id": "h-1", **in_use}, {"id": "h-2", **in_use, "capacity": 40}],
        "classes": [{"id": "h-c", "school": "h", "grade": 3, "name": "三(1)班", "enrolment": 42}],
        "teachers": [{"id": "h-t", "school": "h", "name": "王"}],
        "terms": [term], "days": [], "bell_sets": [],
        "occurrences": [lesson, other], "pushes": [],
    }  # fmt: skip
    return [
        json.dumps(plan).encode(),
        json.dumps(plan, sort_keys=True, ensure_ascii=False).encode(),
        json.dumps({**plan, "occurrences": [lesson]}, indent=1).encode("utf-8-sig"),
        json.dumps({"occurrences": None, "schema": plan["schema"]}).encode(),
        b'{"occurrences": [], "schema": "sync-classroom/plan/1"}',
    ]
