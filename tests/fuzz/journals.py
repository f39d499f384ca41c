"""Fuzz target of terminals' journals: a message of a device, or lines of `terminals.ndjson`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sync_classroom.domain.bundle import read_samples
from sync_classroom.domain.evidence import Evidence
from sync_classroom.domain.fields import MalformedError
from sync_classroom.domain.ids import ClassroomId
from sync_classroom.domain.second_opinion import notes_of, opinions_of
from sync_classroom.domain.terminal_journal import (
    AHEAD,
    MAX_AGE,
    RefusedError,
    SealCheck,
    TerminalSample,
    grouped,
    parse_noted,
    parse_sent,
    place,
    sample_of,
    sample_to_dict,
    seal,
    spool_name,
)
from tests.support.plans import at, lesson
from tests.support.terminal_journals import message, row

ROOM = ClassroomId("far-1-r1")
LESSON = lesson("o-1", seats=["far-1-r1", "far-1-r2"])
RECEIVED = at("12:00")


def target() -> Callable[[bytes], None]:
    """Any bytes: taken for a message, and for lines of a bundle."""

    def run(data: bytes) -> None:
        try:
            lines = list(read_samples(data.split(b"\n")))
        except MalformedError:
            lines = []
        check_all(lines)
        try:
            values = json.loads(data)
        except (ValueError, RecursionError):
            return
        check_all(taken(values))

    return run


def taken(values: Any) -> list[TerminalSample]:
    """The samples of a message that are stored; whatever else it raises is a defect."""
    try:
        sent = parse_sent(values)
    except MalformedError:
        return []
    found = []
    for n, each in enumerate(sent.rows):
        try:
            noted = parse_noted(n, each)
            span = place(noted, LESSON, ROOM, sent_ms=sent.sent_ms, received_at=RECEIVED)
        except RefusedError:
            continue
        assert RECEIVED - MAX_AGE <= span[0] < span[1] <= RECEIVED + AHEAD
        assert span[1] - span[0] <= timedelta(seconds=15)
        found.append(sample_of(noted, spool_name(ROOM, sent.spool), *span))
    return list({s.id: s for s in found}.values())


def check_all(samples: list[TerminalSample]) -> None:
    """What was read can be sealed, written, read again, and compared."""
    check = SealCheck()
    for group in grouped(samples):
        check.seal(seal(group))
        written = [json.dumps(sample_to_dict(s)).encode() for s in group]
        check.check(group[0].journal, read_samples(written))
    assert not check.broken or len({s.id for s in samples}) < len(samples)
    for opinion in opinions_of([LESSON], Evidence(), notes_of(samples)):
        assert 0 < opinion.observed_s <= 2400


def seeds() -> list[bytes]:
    """Messages and lines."""
    rows = [row(n, at(f"09:1{n}"), slow_s=n) for n in range(1, 4)]
    samples = grouped(taken(message(rows, RECEIVED)))[0]
    lines = b"\n".join(json.dumps(sample_to_dict(s)).encode() for s in samples)
    return [
        json.dumps(message(rows, RECEIVED)).encode(),
        json.dumps(message([{**rows[0], "offset": None}], at("13:00"))).encode(),
        json.dumps(message([rows[0], {**rows[1], "seat": "o-1-s1"}, "x"], RECEIVED)).encode(),
        lines,
        lines.replace(b"+00:00", b"+14:00"),
    ]
