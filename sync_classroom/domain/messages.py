"""What a terminal may say (docs/terminal-protocol.md), one frozen value per message type.

`parse_message` is the only way in: exact fields, exact types, bounded sizes. Whatever it returns
can be stored and shown without another look; whatever is wrong is a ValueError that says what.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .documents import ShowPage, read_shown
from .help_calls import MAX_ERRORS, MAX_HELP_CHARS
from .ids import ID_PATTERN, OccurrenceId, SeatId
from .ink import COLOURS, MAX_BATCH, MAX_STROKE_ID, MAX_STROKES, SCALE, Point, Stroke
from .message_fields import Fields
from .question import MAX_OPTION_CHARS, MAX_QUESTIONS, MAX_TEXT_CHARS
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
# A page that has been open for a year has other worries.
MAX_AGO_S: Final = 366 * 86400

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


@dataclass(frozen=True, slots=True)
class TerminalError:
    """Something that went wrong at the terminal, so many seconds ago; `text` is for people."""

    ago_s: int
    text: str


@dataclass(frozen=True, slots=True)
class Help:
    """A call for help, from a room in a lesson or not; `errors` latest last."""

    id: str
    lesson: OccurrenceId | None
    text: str
    errors: tuple[TerminalError, ...]


@dataclass(frozen=True, slots=True)
class Draw:
    """Host: strokes over the courseware, begun or continued; not acknowledged."""

    lesson: OccurrenceId
    strokes: tuple[Stroke, ...]


@dataclass(frozen=True, slots=True)
class Wipe:
    """Host: one stroke away, or all."""

    lesson: OccurrenceId
    stroke: int | None


@dataclass(frozen=True, slots=True)
class PointAt:
    """Host: where the laser pointer is, or that it is off."""

    lesson: OccurrenceId
    at: Point | None


Command = (
    Start | Extend | End | Hand | Call | Mute | Quiet | Headcount | Ask | Answer | Close | Say
    | ShowPage
)  # fmt: skip
Message = Hello | Time | Selfcheck | Command | Line | Noticed | Help | Draw | Wipe | PointAt


def _hello(f: Fields) -> Hello:
    return Hello(
        f.text("token", MAX_TOKEN_CHARS),
        f.text("version", MAX_VERSION_CHARS),
        f.text("boot", MAX_ID_CHARS),
    )


def _time(f: Fields) -> Time:
    return Time(f.number("sent", 0, MAX_NUMBER))


def _check(f: Fields, name: str) -> Check:
    inner = Fields(f.take(name), name)
    check = Check(
        inner.word("state", CHECK_STATES), inner.text("detail", MAX_DETAIL_CHARS, empty=True)
    )
    inner.done()
    return check


def _selfcheck(f: Fields) -> Selfcheck:
    camera, microphone, speaker = (_check(f, n) for n in ("camera", "microphone", "speaker"))
    path = Fields(f.take("path"), "path")
    kind = path.word("kind", PATH_KINDS)
    rtt_ms = path.number_or_none("rtt_ms", 0, MAX_RTT_MS)
    loss = path.number_or_none("loss", 0, 1)
    ways = path.words("ways", WAYS, WAY_STATES, "ways")
    path.done()
    offset = f.number_or_none("clock_offset_ms", -MAX_NUMBER, MAX_NUMBER)
    return Selfcheck(camera, microphone, speaker, CheckPath(kind, rtt_ms, loss, ways), offset)


def _named(f: Fields) -> tuple[str, OccurrenceId]:
    return f.text("id", MAX_ID_CHARS), OccurrenceId(f.id("lesson"))


def _hand(f: Fields) -> Hand:
    return Hand(*_named(f), f.flag("raised"))


def _call(f: Fields) -> Call:
    command, lesson = _named(f)
    # A seat is named or, explicitly, nobody: a missing field is not a release.
    seat = f.take("seat")
    if seat is None:
        return Call(command, lesson, None)
    if not isinstance(seat, str) or not ID_PATTERN.fullmatch(seat):
        raise ValueError("'seat' must be an identifier or null")
    return Call(command, lesson, SeatId(seat))


def _ask(f: Fields) -> Ask:
    return Ask(
        *_named(f),
        f.text("text", MAX_TEXT_CHARS, empty=True),
        f.each("options", lambda one, name: one.text(name, MAX_OPTION_CHARS, empty=True)),
    )


def _answer(f: Fields) -> Answer:
    command, lesson = _named(f)
    question = f.whole("question", MAX_QUESTIONS)
    counts = f.each("counts", lambda one, name: one.whole(name, MAX_PRESENT))
    if not 0 < sum(counts) <= MAX_PRESENT:
        raise ValueError(f"'counts' must come to 1 to {MAX_PRESENT} pupils")
    return Answer(command, lesson, question, counts)


def _say(f: Fields) -> Say:
    command, lesson = _named(f)
    text = f.text("text", MAX_MESSAGE_CHARS).strip()
    if not text:
        raise ValueError("'text' must hold more than spaces")
    return Say(command, lesson, text)


def _help(f: Fields) -> Help:
    command = f.text("id", MAX_ID_CHARS)
    lesson = f.take("lesson")
    if lesson is not None and (not isinstance(lesson, str) or not ID_PATTERN.fullmatch(lesson)):
        raise ValueError("'lesson' must be an identifier or null")
    text = f.text("text", MAX_HELP_CHARS, empty=True).strip()
    told = f.take("errors")
    if not isinstance(told, list) or len(told) > MAX_ERRORS:
        raise ValueError(f"'errors' must be a list of at most {MAX_ERRORS}")
    errors = tuple(_error(one) for one in told)
    return Help(command, None if lesson is None else OccurrenceId(lesson), text, errors)


def _error(raw: Any) -> TerminalError:
    inner = Fields(raw, "errors")
    error = TerminalError(inner.whole("ago_s", MAX_AGO_S), inner.text("text", MAX_DETAIL_CHARS))
    inner.done()
    return error


def _draw(f: Fields) -> Draw:
    lesson = OccurrenceId(f.id("lesson"))
    told = f.take("strokes")
    if not isinstance(told, list) or not 0 < len(told) <= MAX_STROKES:
        raise ValueError(f"'strokes' must be a list of 1 to {MAX_STROKES}")
    strokes = tuple(_stroke(raw) for raw in told)
    if sum(len(stroke.points) for stroke in strokes) > MAX_BATCH:
        raise ValueError(f"'strokes' must have at most {MAX_BATCH} points together")
    return Draw(lesson, strokes)


def _stroke(raw: Any) -> Stroke:
    inner = Fields(raw, "strokes")
    ident, colour = inner.whole("id", MAX_STROKE_ID), inner.word("colour", COLOURS)
    points = inner.take("points")
    inner.done()
    if not isinstance(points, list) or not 0 < len(points) <= MAX_BATCH:
        raise ValueError(f"'points' must be a list of 1 to {MAX_BATCH}")
    return Stroke(ident, colour, tuple(_point(point) for point in points))


def _point(raw: Any) -> Point:
    if not isinstance(raw, list) or len(raw) != 2:
        raise ValueError("a point must be [x, y]")
    x, y = (Fields({"point": value}, "point").whole("point", SCALE) for value in raw)
    return x, y


def _wipe(f: Fields) -> Wipe:
    lesson, stroke = OccurrenceId(f.id("lesson")), f.take("stroke")
    if stroke is not None:
        stroke = Fields({"stroke": stroke}, "stroke").whole("stroke", MAX_STROKE_ID)
    return Wipe(lesson, stroke)


def _point_at(f: Fields) -> PointAt:
    lesson, at = OccurrenceId(f.id("lesson")), f.take("at")
    return PointAt(lesson, None if at is None else _point(at))


def _line(f: Fields) -> Line:
    return Line(
        OccurrenceId(f.id("lesson")),
        f.word("state", LINE_STATES),
        f.number("kbps", 0, 10_000_000),
        f.number_or_none("loss", 0, 1),
        f.whole("frames", 1_000_000),
        f.word("path", PATH_KINDS),
    )


_PARSERS: Final[Mapping[str, Callable[[Fields], Message]]] = {
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
    "page": lambda f: ShowPage(*_named(f), read_shown(f)),
    "help": _help,
    "ink": _draw,
    "line": _line,
    "point": _point_at,
    "wipe": _wipe,
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
    fields = Fields(raw, "message")
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
