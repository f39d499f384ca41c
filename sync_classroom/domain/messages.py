"""What a terminal may say (docs/terminal-protocol.md), one frozen value per message type.

`parse_message` is the only way in: exact fields, exact types, bounded sizes. Whatever it returns
can be stored and shown without another look; whatever is wrong is a ValueError that says what.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from .ids import ID_PATTERN, OccurrenceId, SeatId
from .question import MAX_OPTION_CHARS, MAX_OPTIONS, MAX_QUESTIONS, MAX_TEXT_CHARS, MIN_OPTIONS
from .room_messages import MAX_MESSAGE_CHARS

# The protocol's size of one message; the largest honest one, a self-check, is under 2 KiB.
MAX_MESSAGE_BYTES: Final = 16 * 1024
# Detail texts come from browsers' error messages and are shown on the board.
MAX_DETAIL_CHARS: Final = 200
MAX_TOKEN_CHARS: Final = 128
MAX_ID_CHARS: Final = 64
MAX_VERSION_CHARS: Final = 64
# More pupils than any classroom holds, so that a slipped finger is refused and not counted.
MAX_PRESENT: Final = 200
# JavaScript's exact integers; clocks and counters beyond it are rubbish.
MAX_NUMBER: Final = 2**53
MAX_RTT_MS: Final = 600_000

CHECK_STATES: Final = frozenset({"ok", "failed", "unknown"})
# Directly by either protocol; through a TURN server that is reached by what follows; or not at all.
WAYS: Final = ("udp", "tcp", "turn-udp", "turn-tcp", "turn-tls")
PATH_KINDS: Final = frozenset({*WAYS, "none"})
WAY_STATES: Final = frozenset({"ok", "failed"})
LINE_STATES: Final = frozenset({"good", "weak", "reconnecting"})
NOTICE_STATES: Final = frozenset({"shown", "read"})


@dataclass(frozen=True, slots=True)
class Hello:
    """Who this is. `boot` is random per page load."""

    token: str
    version: str
    boot: str


@dataclass(frozen=True, slots=True)
class Time:
    """The terminal's clock, milliseconds since 1970."""

    sent: float


@dataclass(frozen=True, slots=True)
class Check:
    """One device of the self-check: `state` is one of `CHECK_STATES`, `detail` for people."""

    state: str
    detail: str


@dataclass(frozen=True, slots=True)
class CheckPath:
    """How media reached the relay: one of `PATH_KINDS`, milliseconds, fraction 0…1.

    `ways` are those that were tried by themselves, each with one of `WAY_STATES`.
    """

    kind: str
    rtt_ms: float | None
    loss: float | None
    ways: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Selfcheck:
    """Result of the self-check; `clock_offset_ms` is server minus terminal."""

    camera: Check
    microphone: Check
    speaker: Check
    path: CheckPath
    clock_offset_ms: float | None


@dataclass(frozen=True, slots=True)
class Start:
    """Host: the wish to begin."""

    id: str
    lesson: OccurrenceId


@dataclass(frozen=True, slots=True)
class Extend:
    """Host: a few minutes more."""

    id: str
    lesson: OccurrenceId


@dataclass(frozen=True, slots=True)
class End:
    """Host: lesson over."""

    id: str
    lesson: OccurrenceId


@dataclass(frozen=True, slots=True)
class Hand:
    """Seat: raise or lower the hand."""

    id: str
    lesson: OccurrenceId
    raised: bool


@dataclass(frozen=True, slots=True)
class Call:
    """Host: call on a seat, or None to release."""

    id: str
    lesson: OccurrenceId
    seat: SeatId | None


@dataclass(frozen=True, slots=True)
class Mute:
    """Host: silence the called-on seat."""

    id: str
    lesson: OccurrenceId
    muted: bool


@dataclass(frozen=True, slots=True)
class Quiet:
    """Host: silence all rooms and let no hand up, or take that back."""

    id: str
    lesson: OccurrenceId
    quiet: bool


@dataclass(frozen=True, slots=True)
class Headcount:
    """Seat: pupils in the room (实到)."""

    id: str
    lesson: OccurrenceId
    present: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Host: put a quick question to all rooms; its text and those of its options may be empty."""

    id: str
    lesson: OccurrenceId
    text: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Seat: how many pupils chose each option."""

    id: str
    lesson: OccurrenceId
    question: int
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """Host: end a question and show its result to all rooms, or put that away."""

    id: str
    lesson: OccurrenceId
    question: int
    shown: bool


@dataclass(frozen=True, slots=True)
class Say:
    """Seat: a short text for the teacher."""

    id: str
    lesson: OccurrenceId
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """The terminal's own view of its line: kbit/s received, fraction lost, frames shown in 5 s.

    `path` is one of `PATH_KINDS`: only the terminal knows how it reaches a TURN server.
    """

    lesson: OccurrenceId
    state: str
    kbps: float
    loss: float | None
    frames: int
    path: str


@dataclass(frozen=True, slots=True)
class Noticed:
    """What became of a notice here: it is on the screen, or somebody has pressed its button."""

    notice: int
    read: bool


Command = Start | Extend | End | Hand | Call | Mute | Quiet | Headcount | Ask | Answer | Close | Say
Message = Hello | Time | Selfcheck | Command | Line | Noticed


class _Fields:
    """The fields of one JSON object, each taken exactly once; what is left over is an error."""

    def __init__(self, raw: Any, where: str) -> None:
        if not isinstance(raw, dict):
            raise ValueError(f"{where} must be an object")
        self._left = dict(raw)
        self._where = where

    def take(self, name: str) -> Any:
        if name not in self._left:
            raise ValueError(f"{self._where} lacks {name!r}")
        return self._left.pop(name)

    def done(self) -> None:
        if self._left:
            raise ValueError(f"{self._where} has unknown field {sorted(self._left)[0][:40]!r}")

    def text(self, name: str, limit: int, *, empty: bool = False) -> str:
        value = self.take(name)
        if not isinstance(value, str) or len(value) > limit or not (value or empty):
            raise ValueError(f"{name!r} must be text of {'0' if empty else '1'} to {limit} letters")
        # Lone surrogates cannot be stored or sent again; control characters spoil pages and logs.
        if any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in value):
            raise ValueError(f"{name!r} holds control characters")
        return value

    def word(self, name: str, words: frozenset[str]) -> str:
        value = self.take(name)
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"{name!r} must be one of {', '.join(sorted(words))}")
        return value

    def words(
        self, name: str, names: Sequence[str], words: frozenset[str], where: str
    ) -> dict[str, str]:
        """An object of some of `names`, each with one of `words`; in the order of `names`."""
        inner = _Fields(self.take(name), where)
        found = {key: inner.word(key, words) for key in names if key in inner._left}
        inner.done()
        return found

    def each(self, name: str, read: Callable[[_Fields, str], Any]) -> tuple[Any, ...]:
        """A list with one entry for each option of a question, each read as a field would be."""
        value = self.take(name)
        if not isinstance(value, list) or not MIN_OPTIONS <= len(value) <= MAX_OPTIONS:
            raise ValueError(f"{name!r} must be a list of {MIN_OPTIONS} to {MAX_OPTIONS}")
        return tuple(read(_Fields({name: entry}, name), name) for entry in value)

    def flag(self, name: str) -> bool:
        value = self.take(name)
        if not isinstance(value, bool):
            raise ValueError(f"{name!r} must be true or false")
        return value

    def number(self, name: str, low: float, high: float) -> float:
        value = self.take(name)
        # bool is an int in Python and a mistake here.
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{name!r} must be a number")
        if not math.isfinite(value) or not low <= value <= high:
            raise ValueError(f"{name!r} must lie between {low:g} and {high:g}")
        return value

    def number_or_none(self, name: str, low: float, high: float) -> float | None:
        if name in self._left and self._left[name] is None:
            del self._left[name]
            return None
        return self.number(name, low, high)

    def whole(self, name: str, high: int) -> int:
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
            raise ValueError(f"{name!r} must be a whole number from 0 to {high}")
        return value

    def id(self, name: str) -> str:
        value = self.take(name)
        if not isinstance(value, str) or not ID_PATTERN.fullmatch(value):
            raise ValueError(f"{name!r} must be an identifier")
        return value


def _hello(f: _Fields) -> Hello:
    return Hello(
        f.text("token", MAX_TOKEN_CHARS),
        f.text("version", MAX_VERSION_CHARS),
        f.text("boot", MAX_ID_CHARS),
    )


def _time(f: _Fields) -> Time:
    return Time(f.number("sent", 0, MAX_NUMBER))


def _check(f: _Fields, name: str) -> Check:
    inner = _Fields(f.take(name), name)
    check = Check(
        inner.word("state", CHECK_STATES), inner.text("detail", MAX_DETAIL_CHARS, empty=True)
    )
    inner.done()
    return check


def _selfcheck(f: _Fields) -> Selfcheck:
    camera, microphone, speaker = (_check(f, n) for n in ("camera", "microphone", "speaker"))
    path = _Fields(f.take("path"), "path")
    kind = path.word("kind", PATH_KINDS)
    rtt_ms = path.number_or_none("rtt_ms", 0, MAX_RTT_MS)
    loss = path.number_or_none("loss", 0, 1)
    ways = path.words("ways", WAYS, WAY_STATES, "ways")
    path.done()
    offset = f.number_or_none("clock_offset_ms", -MAX_NUMBER, MAX_NUMBER)
    return Selfcheck(camera, microphone, speaker, CheckPath(kind, rtt_ms, loss, ways), offset)


def _named(f: _Fields) -> tuple[str, OccurrenceId]:
    return f.text("id", MAX_ID_CHARS), OccurrenceId(f.id("lesson"))


def _hand(f: _Fields) -> Hand:
    return Hand(*_named(f), f.flag("raised"))


def _call(f: _Fields) -> Call:
    command, lesson = _named(f)
    # A seat is named or, explicitly, nobody: a missing field is not a release.
    seat = f.take("seat")
    if seat is None:
        return Call(command, lesson, None)
    if not isinstance(seat, str) or not ID_PATTERN.fullmatch(seat):
        raise ValueError("'seat' must be an identifier or null")
    return Call(command, lesson, SeatId(seat))


def _ask(f: _Fields) -> Ask:
    return Ask(
        *_named(f),
        f.text("text", MAX_TEXT_CHARS, empty=True),
        f.each("options", lambda one, name: one.text(name, MAX_OPTION_CHARS, empty=True)),
    )


def _answer(f: _Fields) -> Answer:
    command, lesson = _named(f)
    question = f.whole("question", MAX_QUESTIONS)
    counts = f.each("counts", lambda one, name: one.whole(name, MAX_PRESENT))
    if not 0 < sum(counts) <= MAX_PRESENT:
        raise ValueError(f"'counts' must come to 1 to {MAX_PRESENT} pupils")
    return Answer(command, lesson, question, counts)


def _say(f: _Fields) -> Say:
    command, lesson = _named(f)
    text = f.text("text", MAX_MESSAGE_CHARS).strip()
    if not text:
        raise ValueError("'text' must hold more than spaces")
    return Say(command, lesson, text)


def _line(f: _Fields) -> Line:
    return Line(
        OccurrenceId(f.id("lesson")),
        f.word("state", LINE_STATES),
        f.number("kbps", 0, 10_000_000),
        f.number_or_none("loss", 0, 1),
        f.whole("frames", 1_000_000),
        f.word("path", PATH_KINDS),
    )


_PARSERS: Final[Mapping[str, Callable[[_Fields], Message]]] = {
    "hello": _hello,
    "time": _time,
    "selfcheck": _selfcheck,
    "start": lambda f: Start(*_named(f)),
    "extend": lambda f: Extend(*_named(f)),
    "end": lambda f: End(*_named(f)),
    "hand": _hand,
    "call": _call,
    "mute": lambda f: Mute(*_named(f), f.flag("muted")),
    "quiet": lambda f: Quiet(*_named(f), f.flag("quiet")),
    "headcount": lambda f: Headcount(*_named(f), f.whole("present", MAX_PRESENT)),
    "ask": _ask,
    "answer": _answer,
    "close": lambda f: Close(*_named(f), f.whole("question", MAX_QUESTIONS), f.flag("shown")),
    "message": _say,
    "line": _line,
    "noticed": lambda f: Noticed(
        f.whole("notice", MAX_NUMBER), f.word("state", NOTICE_STATES) == "read"
    ),
}
MESSAGE_TYPES: Final = frozenset(_PARSERS)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON (RFC 8259 section 6)")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse repeated names: RFC 8259 section 4 leaves their meaning open."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return found


def parse_message(text: str) -> Message:
    """The message in one WebSocket text frame; ValueError says what is wrong with it."""
    # UTF-8 needs at least one byte per character, so the cheap test comes first.
    if len(text) > MAX_MESSAGE_BYTES or len(text.encode("utf-8", "replace")) > MAX_MESSAGE_BYTES:
        raise ValueError(f"message is longer than {MAX_MESSAGE_BYTES} bytes")
    try:
        raw = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_repeats)
    except RecursionError:
        raise ValueError("message is nested too deeply") from None
    fields = _Fields(raw, "message")
    kind = fields.take("type")
    parser = _PARSERS.get(kind) if isinstance(kind, str) else None
    if parser is None:
        raise ValueError(f"unknown message type {str(kind)[:40]!r}")
    message = parser(fields)
    fields.done()
    return message


def selfcheck_json(check: Selfcheck) -> dict[str, Any]:
    """The self-check as it is stored and shown: the message without its type."""
    devices = {n: getattr(check, n) for n in ("camera", "microphone", "speaker")}
    return {
        **{n: {"state": d.state, "detail": d.detail} for n, d in devices.items()},
        "path": {
            "kind": check.path.kind,
            "rtt_ms": check.path.rtt_ms,
            "loss": check.path.loss,
            "ways": dict(check.path.ways),
        },
        "clock_offset_ms": check.clock_offset_ms,
    }
