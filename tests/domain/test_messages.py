"""What a terminal may say, and everything it may not."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.documents import ShownPage, ShowPage
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.ink import Stroke
from sync_classroom.domain.messages import (
    MAX_MESSAGE_BYTES,
    MESSAGE_TYPES,
    Answer,
    Ask,
    Call,
    Check,
    CheckPath,
    Close,
    Draw,
    End,
    Extend,
    Hand,
    Headcount,
    Hello,
    Help,
    Line,
    Mute,
    Noticed,
    PointAt,
    Quiet,
    Say,
    Selfcheck,
    Start,
    TerminalError,
    Time,
    Wipe,
    parse_message,
    selfcheck_json,
)

OK = {"state": "ok", "detail": ""}
SELFCHECK: dict[str, Any] = {
    "type": "selfcheck",
    "camera": OK,
    "microphone": {"state": "failed", "detail": "被其他程序占用"},
    "speaker": {"state": "unknown", "detail": ""},
    "path": {
        "kind": "udp",
        "rtt_ms": 18.5,
        "loss": None,
        "ways": {"turn-tls": "failed", "udp": "ok"},
    },
    "clock_offset_ms": -120,
}
LINE = {"type": "line", "lesson": "o", "kbps": 1, "frames": 1}
GOOD: list[tuple[dict[str, Any], object]] = [
    ({"type": "hello", "token": "t", "version": "1", "boot": "b"}, Hello("t", "1", "b")),
    ({"type": "time", "sent": 1795000000000}, Time(1795000000000)),
    (
        SELFCHECK,
        Selfcheck(
            Check("ok", ""),
            Check("failed", "被其他程序占用"),
            Check("unknown", ""),
            CheckPath("udp", 18.5, None, {"udp": "ok", "turn-tls": "failed"}),
            -120,
        ),
    ),
    ({"type": "start", "id": "1", "lesson": "o-1"}, Start("1", "o-1")),
    ({"type": "extend", "id": "1", "lesson": "o-1"}, Extend("1", "o-1")),
    ({"type": "end", "id": "1", "lesson": "o-1"}, End("1", "o-1")),
    ({"type": "hand", "id": "1", "lesson": "o-1", "raised": True}, Hand("1", "o-1", True)),
    ({"type": "call", "id": "1", "lesson": "o-1", "seat": "s-1"}, Call("1", "o-1", "s-1")),
    ({"type": "call", "id": "1", "lesson": "o-1", "seat": None}, Call("1", "o-1", None)),
    ({"type": "quiet", "id": "1", "lesson": "o-1", "quiet": True}, Quiet("1", "o-1", True)),
    (
        {"type": "ask", "id": "1", "lesson": "o-1", "text": "", "options": ["", "乙"]},
        Ask("1", "o-1", "", ("", "乙")),
    ),
    (
        {"type": "answer", "id": "1", "lesson": "o-1", "question": 2, "counts": [0, 41]},
        Answer("1", "o-1", 2, (0, 41)),
    ),
    (
        {"type": "close", "id": "1", "lesson": "o-1", "question": 2, "shown": True},
        Close("1", "o-1", 2, True),
    ),
    (
        {"type": "message", "id": "1", "lesson": "o-1", "text": " 听不清 "},
        Say("1", "o-1", "听不清"),
    ),
    ({"type": "mute", "id": "1", "lesson": "o-1", "muted": False}, Mute("1", "o-1", False)),
    (
        {"type": "page", "id": "1", "lesson": "o-1", "document": "d-1", "page": 3},
        ShowPage("1", "o-1", ShownPage("d-1", 3)),
    ),
    (
        {"type": "page", "id": "1", "lesson": "o-1", "document": None, "page": None},
        ShowPage("1", "o-1", None),
    ),
    ({"type": "headcount", "id": "1", "lesson": "o-1", "present": 41}, Headcount("1", "o-1", 41)),
    (
        {
            "type": "line",
            "lesson": "o",
            "state": "weak",
            "kbps": 800.5,
            "loss": 0.1,
            "frames": 120,
            "path": "turn-tcp",
        },
        Line("o", "weak", 800.5, 0.1, 120, "turn-tcp"),
    ),
    (
        {"type": "help", "id": "1", "lesson": None, "text": " 没有声音 ", "errors": []},
        Help("1", None, "没有声音", ()),
    ),
    (
        {
            "type": "help",
            "id": "1",
            "lesson": "o-1",
            "text": "",
            "errors": [{"ago_s": 3, "text": "x"}],
        },
        Help("1", OccurrenceId("o-1"), "", (TerminalError(3, "x"),)),
    ),
    (
        {
            "type": "ink",
            "lesson": "o-1",
            "strokes": [{"id": 3, "colour": "red", "points": [[0, 10000], [5, 6]]}],
        },
        Draw(OccurrenceId("o-1"), (Stroke(3, "red", ((0, 10000), (5, 6))),)),
    ),
    ({"type": "wipe", "lesson": "o-1", "stroke": None}, Wipe(OccurrenceId("o-1"), None)),
    ({"type": "wipe", "lesson": "o-1", "stroke": 3}, Wipe(OccurrenceId("o-1"), 3)),
    ({"type": "point", "lesson": "o-1", "at": [1, 2]}, PointAt(OccurrenceId("o-1"), (1, 2))),
    ({"type": "point", "lesson": "o-1", "at": None}, PointAt(OccurrenceId("o-1"), None)),
    ({"type": "noticed", "notice": 7, "state": "shown"}, Noticed(7, read=False)),
    ({"type": "noticed", "notice": 7, "state": "read"}, Noticed(7, read=True)),
]


@pytest.mark.parametrize(("raw", "value"), GOOD, ids=lambda x: str(x)[:40])
def test_every_message_becomes_its_value(raw: dict[str, Any], value: object) -> None:
    assert parse_message(json.dumps(raw)) == value


def test_every_type_of_the_protocol_is_shown_above() -> None:
    assert {raw["type"] for raw, _ in GOOD} == MESSAGE_TYPES


@pytest.mark.parametrize(("raw", "value"), GOOD, ids=lambda x: str(x)[:40])
def test_a_message_with_a_field_too_many_or_too_few_is_refused(
    raw: dict[str, Any], value: object
) -> None:
    with pytest.raises(ValueError, match="unknown field 'extra'"):
        parse_message(json.dumps(raw | {"extra": 1}))
    for missing in raw:
        with pytest.raises(ValueError, match="lacks"):
            parse_message(json.dumps({k: v for k, v in raw.items() if k != missing}))


@pytest.mark.parametrize(
    "raw",
    [
        {"type": "hello", "token": 1, "version": "1", "boot": "b"},
        {"type": "hello", "token": "", "version": "1", "boot": "b"},
        {"type": "hello", "token": "x" * 129, "version": "1", "boot": "b"},
        {"type": "hello", "token": "\ud800", "version": "1", "boot": "b"},
        {"type": "hello", "token": "a\x00b", "version": "1", "boot": "b"},
        {"type": "time", "sent": True},
        {"type": "time", "sent": "1"},
        {"type": "time", "sent": -1},
        {"type": "time", "sent": 2**60},
        {"type": "start", "id": "x" * 65, "lesson": "o"},
        {"type": "start", "id": "1", "lesson": "../etc"},
        {"type": "start", "id": "1", "lesson": None},
        {"type": "hand", "id": "1", "lesson": "o", "raised": 1},
        {"type": "wipe", "lesson": "o", "stroke": True},
        {"type": "point", "lesson": "o", "at": [1]},
        {"type": "point", "lesson": "o", "at": [1, 10001]},
        {"type": "point", "lesson": "o", "at": [1, 0.5]},
        {"type": "ink", "lesson": "o", "strokes": []},
        {"type": "ink", "lesson": "o", "strokes": [{"id": 1, "colour": "red", "points": []}]},
        {"type": "ink", "lesson": "o", "strokes": [{"id": 1, "colour": "x", "points": [[1, 1]]}]},
        {
            "type": "ink",
            "lesson": "o",
            "strokes": [{"id": n, "colour": "red", "points": [[1, 1]] * 300} for n in (1, 2)],
        },
        {"type": "help", "id": "1", "lesson": 5, "text": "", "errors": []},
        {"type": "help", "id": "1", "lesson": None, "text": "x" * 101, "errors": []},
        {"type": "help", "id": "1", "lesson": None, "text": "", "errors": {}},
        {"type": "help", "id": "1", "lesson": None, "text": "", "errors": ["x"]},
        {
            "type": "help",
            "id": "1",
            "lesson": None,
            "text": "",
            "errors": [{"ago_s": 1, "text": "x"}] * 11,
        },
        {
            "type": "help",
            "id": "1",
            "lesson": None,
            "text": "",
            "errors": [{"ago_s": -1, "text": "x"}],
        },
        {"type": "call", "id": "1", "lesson": "o", "seat": 5},
        {"type": "call", "id": "1", "lesson": "o", "seat": ""},
        {"type": "ask", "id": "1", "lesson": "o", "text": "", "options": [""]},
        {"type": "ask", "id": "1", "lesson": "o", "text": "", "options": [""] * 7},
        {"type": "ask", "id": "1", "lesson": "o", "text": "", "options": "ab"},
        {"type": "ask", "id": "1", "lesson": "o", "text": "", "options": ["a", 2]},
        {"type": "ask", "id": "1", "lesson": "o", "text": "", "options": ["a", "b" * 61]},
        {"type": "ask", "id": "1", "lesson": "o", "text": "x" * 201, "options": ["a", "b"]},
        {"type": "answer", "id": "1", "lesson": "o", "question": 1, "counts": [0, 0]},
        {"type": "answer", "id": "1", "lesson": "o", "question": 1, "counts": [200, 1]},
        {"type": "answer", "id": "1", "lesson": "o", "question": 1, "counts": [-1, 3]},
        {"type": "answer", "id": "1", "lesson": "o", "question": 1, "counts": [1.5, 3]},
        {"type": "answer", "id": "1", "lesson": "o", "question": 41, "counts": [1, 3]},
        {"type": "answer", "id": "1", "lesson": "o", "question": 1, "counts": {"a": 1}},
        {"type": "close", "id": "1", "lesson": "o", "question": "1", "shown": True},
        {"type": "message", "id": "1", "lesson": "o", "text": "  "},
        {"type": "message", "id": "1", "lesson": "o", "text": ""},
        {"type": "message", "id": "1", "lesson": "o", "text": "x" * 101},
        {"type": "message", "id": "1", "lesson": "o", "text": "two\nlines"},
        {"type": "headcount", "id": "1", "lesson": "o", "present": -1},
        {"type": "headcount", "id": "1", "lesson": "o", "present": 201},
        {"type": "headcount", "id": "1", "lesson": "o", "present": 41.0},
        {"type": "headcount", "id": "1", "lesson": "o", "present": True},
        {
            "type": "line",
            "lesson": "o",
            "state": "fine",
            "kbps": 1,
            "loss": 0,
            "frames": 1,
            "path": "udp",
        },
        {
            "type": "line",
            "lesson": "o",
            "state": "good",
            "kbps": 1,
            "loss": 1.1,
            "frames": 1,
            "path": "udp",
        },
        {
            "type": "line",
            "lesson": "o",
            "state": "good",
            "kbps": 1,
            "loss": 0,
            "frames": 1,
            "path": "relay",
        },
        SELFCHECK | {"path": SELFCHECK["path"] | {"ways": {"none": "ok"}}},
        SELFCHECK | {"path": SELFCHECK["path"] | {"ways": {"udp": "maybe"}}},
        SELFCHECK | {"path": SELFCHECK["path"] | {"ways": []}},
        SELFCHECK | {"camera": "ok"},
        SELFCHECK | {"camera": {"state": "ok"}},
        SELFCHECK | {"camera": {"state": "broken", "detail": ""}},
        SELFCHECK | {"camera": {"state": "ok", "detail": "x" * 201}},
        SELFCHECK | {"camera": {"state": "ok", "detail": "", "more": 1}},
        SELFCHECK | {"path": {"kind": "ipx", "rtt_ms": 1, "loss": 0}},
        SELFCHECK | {"path": None},
        {"type": "shutdown"},
        {"type": ["hello"]},
        {"type": None},
        {},
    ],
    ids=lambda raw: json.dumps(raw)[:60],
)
def test_a_wrong_value_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_message(json.dumps(raw))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "null",
        '"hello"',
        "1" * 5000,
        '{"type": "time", "sent": NaN}',
        '{"type": "time", "sent": Infinity}',
        '{"type": "time", "sent": 1e999}',
        '{"type": "time", "sent": ' + "1" * 5000 + "}",
        '{"type": "time", "type": "hello", "sent": 1}',
        '{"type": "time", "sent": 1',
        "[" * 16000,
        '{"a":' * 3000,
    ],
    ids=lambda text: text[:40],
)
def test_what_is_not_json_of_an_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_message(text)


def test_size_is_counted_in_bytes_not_letters() -> None:
    padding = "字" * (MAX_MESSAGE_BYTES // 3)
    with pytest.raises(ValueError, match="longer than 16384 bytes"):
        parse_message(json.dumps({"type": padding}, ensure_ascii=False))
    with pytest.raises(ValueError, match="unknown message type"):
        parse_message(json.dumps({"type": padding[:5000]}, ensure_ascii=False))


def test_a_stored_selfcheck_is_the_message_without_its_type() -> None:
    parsed = parse_message(json.dumps(SELFCHECK))
    assert isinstance(parsed, Selfcheck)
    assert {"type": "selfcheck", **selfcheck_json(parsed)} == SELFCHECK


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


@given(st.text(max_size=200) | JSON.map(json.dumps))
def test_rubbish_raises_value_error_and_nothing_else(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_message(text)


@given(st.sampled_from([raw for raw, _ in GOOD]), st.data())
def test_a_field_of_any_json_is_taken_or_refused_as_a_value_error(
    raw: dict[str, Any], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(raw)))
    changed = raw | {name: data.draw(JSON)}
    with suppress(ValueError):
        taken = parse_message(json.dumps(changed))
        (kind,) = {type(value) for good, value in GOOD if good["type"] == changed["type"]}
        assert type(taken) is kind
