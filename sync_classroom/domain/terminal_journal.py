"""A terminal's own journal: what a seat's device noted while it was in a lesson, and sent later.

The device numbers its samples for good and sends each until it is answered, so a sample comes at
least once and is known by its number. Its clock may be wrong: it says by how much when it knows,
and otherwise the clocks are compared when the samples are sent. Both instants are kept. Nothing
here is merged with what the relay wrote; `second_opinion` compares the two.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from .facts import TerminalJournal
from .fields import Fields, MalformedError, shown
from .ids import ClassroomId, FactId, OccurrenceId, SeatId
from .timetable import Occurrence

# A sample covers at most ten seconds; a page that was frozen for a moment may be late to close one.
MAX_SAMPLE_MS: Final = 15_000
# Samples in one message: 25 minutes of a seat, which fit a request of 64 KiB whatever the ids.
MAX_SAMPLES: Final = 150
# A device that was switched off over the holidays is heard; what is older is nobody's opinion any
# more. Terminal detail is never kept for less (`retention.terminal_days`).
MAX_AGE: Final = timedelta(days=60)
# A terminal may enter a lesson ten minutes before it and stay while it is extended.
OUTSIDE: Final = timedelta(hours=1)
# Two clocks that were compared over a slow line.
AHEAD: Final = timedelta(seconds=5)
# Of one seat's lesson. A lesson of a whole day would have 8640.
MAX_SEAT_SAMPLES: Final = 10_000
# Media moved in most of a sample: the same share as of packets that must be acknowledged.
HEARD: Final = (4, 5)

_MAX_MS: Final = 2**53
_MAX_COUNT: Final = 10**9
_SPOOL: Final = re.compile(r"[0-9a-f]{32}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class TerminalSample:
    """What one seat's terminal noted in `[from_at, to_at)`, at most 15 s.

    `clock_from`, `clock_to` are the same instants by the device's own clock. `measured`: the clock
    was compared when the sample was taken, otherwise when it was sent. For `moved_ms` of the time
    picture or sound came in; `frames` pictures were decoded, `sound_bytes` of sound received.
    """

    id: FactId
    journal: FactId
    occurrence: OccurrenceId
    seat: SeatId
    from_at: datetime
    to_at: datetime
    clock_from: datetime
    clock_to: datetime
    measured: bool
    moved_ms: int
    frames: int
    sound_bytes: int

    @property
    def heard(self) -> bool:
        """Whether media moved for at least four fifths of it."""
        length_ms = (self.to_at - self.from_at) // _MS
        return self.moved_ms * HEARD[1] >= length_ms * HEARD[0]


@dataclass(frozen=True, slots=True)
class Noted:
    """A sample as the device sends it; instants in its own milliseconds since 1970.

    `offset_ms` is server minus device, None where the device did not know.
    """

    n: int
    lesson: OccurrenceId
    seat: SeatId
    from_ms: int
    to_ms: int
    offset_ms: int | None
    moved_ms: int
    frames: int
    sound_bytes: int


@dataclass(frozen=True, slots=True)
class Sent:
    """One message: `spool` is where the device keeps its samples, `sent_ms` its clock now.

    `lost` samples had to be thrown away unsent since the last message, for want of room.
    """

    spool: str
    sent_ms: int
    lost: int
    rows: tuple[object, ...]


class RefusedError(ValueError):
    """One sample that is not taken, and why."""

    def __init__(self, n: int | None, code: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.n = n
        self.code = code
        self.zh = zh
        self.en = en


def parse_sent(values: object) -> Sent:
    """A message without looking at its samples; MalformedError names the field."""
    fields = Fields(values, "journal")
    fields.only("spool", "sent", "lost", "samples")
    spool = fields.text("spool")
    if not _SPOOL.fullmatch(spool):
        raise fields.wrong("spool", " 32 位小写十六进制数字", "32 hexadecimal digits")
    rows = fields.items("samples")
    if not 0 < len(rows) <= MAX_SAMPLES:
        raise MalformedError(
            "journal", "samples", f"应有 1 至 {MAX_SAMPLES} 个样本，现有 {len(rows)} 个",
            f"must have 1 to {MAX_SAMPLES} samples, not {len(rows)}", value=len(rows),
        )  # fmt: skip
    return Sent(
        spool,
        fields.count("sent", most=_MAX_MS),
        fields.count("lost", most=_MAX_COUNT),
        tuple(rows),
    )


def parse_noted(place: int, values: object) -> Noted:
    """The sample at a place of the message; RefusedError `malformed` names the field."""
    where = f"samples[{place}]"
    try:
        fields = Fields(values, where)
        number = fields.count("n", least=1, most=_MAX_MS)
        fields.only("n", "lesson", "seat", "from", "to", "offset", "moved", "frames", "sound")
        first = fields.count("from", most=_MAX_MS)
        last = fields.count("to", least=first + 1, most=first + MAX_SAMPLE_MS)
        offset = fields.values.get("offset")
        if offset is not None and (type(offset) is not int or abs(offset) > _MAX_MS):
            raise fields.wrong("offset", "整数毫秒或 null", "whole milliseconds, or null")
        return Noted(
            number,
            OccurrenceId(fields.ident("lesson")),
            SeatId(fields.ident("seat")),
            first,
            last,
            offset,
            fields.count("moved", most=last - first),
            fields.count("frames", most=_MAX_COUNT),
            fields.count("sound", most=_MAX_COUNT),
        )
    except MalformedError as error:
        known = values.get("n") if isinstance(values, Mapping) else None
        raise RefusedError(
            known if type(known) is int else None, "malformed", error.zh, error.en
        ) from None


def spool_name(classroom: ClassroomId, spool: str) -> str:
    """What the ids of a device's samples begin with: nobody can take another room's numbers."""
    return hashlib.sha256(f"{classroom}\n{spool}".encode()).hexdigest()[:24]


def _journal_of(first: FactId) -> FactId:
    """The seal of the samples of which this one is the first."""
    return FactId("tj" + first.removeprefix("ts"))


def place(
    noted: Noted,
    lesson: Occurrence | None,
    classroom: ClassroomId,
    *,
    sent_ms: int,
    received_at: datetime,
) -> tuple[datetime, datetime]:
    """The sample's instants by the server's clock; RefusedError if it cannot be this lesson's.

    `classroom` is where the terminal is enrolled.
    """
    _check_lesson(noted, lesson, classroom)
    assert lesson is not None
    offset = noted.offset_ms
    if offset is None:
        offset = (received_at - _EPOCH) // _MS - sent_ms
    try:
        from_at, to_at = (
            _EPOCH + timedelta(milliseconds=ms + offset) for ms in (noted.from_ms, noted.to_ms)
        )
    except OverflowError:
        raise RefusedError(
            noted.n, "clock", "终端时钟的时刻无法表示，请校准设备时钟。",
            "The device's clock is beyond any calendar; set it.",
        ) from None  # fmt: skip
    if to_at > received_at + AHEAD:
        raise RefusedError(
            noted.n, "future",
            f"样本结束于 {to_at.isoformat()}，晚于现在；请校准设备时钟。",
            f"The sample ends at {to_at.isoformat()}, which is not over; set the device's clock.",
        )  # fmt: skip
    if from_at < received_at - MAX_AGE:
        raise RefusedError(
            noted.n, "too_old",
            f"样本始于 {from_at.isoformat()}，超过 {MAX_AGE.days} 天，不再收取；终端可以删除它。",
            f"The sample is of {from_at.isoformat()}, over {MAX_AGE.days} days old, and is not"
            " taken any more; the terminal may delete it.",
        )  # fmt: skip
    if to_at <= lesson.starts_at - OUTSIDE or from_at >= lesson.ends_at + OUTSIDE:
        raise RefusedError(
            noted.n, "outside",
            f"样本的时刻 {from_at.isoformat()} 不在课次 {lesson.id} 前后一小时之内；"
            "请校准设备时钟。",
            f"The sample's instant {from_at.isoformat()} is not within an hour of lesson"
            f" {lesson.id}; set the device's clock.",
        )  # fmt: skip
    return from_at, to_at


def _check_lesson(noted: Noted, lesson: Occurrence | None, classroom: ClassroomId) -> None:
    if lesson is None:
        raise RefusedError(
            noted.n, "unknown_lesson",
            f"没有课次 {shown(noted.lesson)}；终端可以删除这个样本。",
            f"There is no lesson {shown(noted.lesson)}; the terminal may delete the sample.",
        )  # fmt: skip
    if not any(s.id == noted.seat and s.classroom == classroom for s in lesson.seats):
        raise RefusedError(
            noted.n, "other_room",
            f"听讲席 {shown(noted.seat)} 不是这间教室在课次 {noted.lesson} 的；"
            "终端换过教室，可以删除这个样本。",
            f"Seat {shown(noted.seat)} of lesson {noted.lesson} is not this classroom's; the device"
            " was moved, the terminal may delete the sample.",
        )  # fmt: skip


def too_many(n: int) -> RefusedError:
    """The refusal of what goes beyond `MAX_SEAT_SAMPLES`."""
    return RefusedError(
        n, "too_many",
        f"这个听讲席已有 {MAX_SEAT_SAMPLES} 个样本，不再收取；请检查终端程序。",
        f"The seat has {MAX_SEAT_SAMPLES} samples already and takes no more; check the terminal.",
    )  # fmt: skip


def sample_of(noted: Noted, name: str, from_at: datetime, to_at: datetime) -> TerminalSample:
    """A sample that is taken, sealed by itself so far; `name` as of `spool_name`."""
    ident = FactId(f"ts:{name}:{noted.n}")
    return TerminalSample(
        ident, _journal_of(ident), noted.lesson, noted.seat, from_at, to_at,
        _EPOCH + timedelta(milliseconds=noted.from_ms),
        _EPOCH + timedelta(milliseconds=noted.to_ms),
        noted.offset_ms is not None, noted.moved_ms, noted.frames, noted.sound_bytes,
    )  # fmt: skip


# ---------------------------------------------------------------------------- seals and files


def grouped(samples: Iterable[TerminalSample]) -> list[list[TerminalSample]]:
    """New samples of one spool by lesson and seat, each group under the seal of its first."""
    groups: dict[tuple[OccurrenceId, SeatId], list[TerminalSample]] = {}
    for sample in sorted(samples, key=lambda s: (s.from_at, s.id)):
        groups.setdefault((sample.occurrence, sample.seat), []).append(sample)
    return [
        [replace(s, journal=_journal_of(group[0].id)) for s in group] for group in groups.values()
    ]


def sealed(samples: Iterable[TerminalSample]) -> str:
    """SHA-256 of the samples' canonical lines, by start then id; JSON as in the facts' chain."""
    digest = hashlib.sha256()
    for sample in sorted(samples, key=lambda s: (s.from_at, s.id)):
        digest.update(_ENCODE(sample_to_dict(sample)).encode() + b"\n")
    return digest.hexdigest()


def seal(samples: Iterable[TerminalSample]) -> TerminalJournal:
    """The fact that seals some samples of one seat, all of one journal."""
    some = list(samples)
    first = some[0]
    return TerminalJournal(
        first.journal, first.occurrence, first.seat, min(s.from_at for s in some),
        max(s.to_at for s in some), len(some), sealed(some),
    )  # fmt: skip


class SealCheck:
    """Holds samples against the seals among the facts. Seals first, then samples by journal.

    `absent` journals have no samples (any more): they may have been deleted, as the rules of
    retention say. `broken` are those whose samples are not what was sealed, or never were.
    """

    def __init__(self) -> None:
        self._seals: dict[FactId, tuple[int, bytes]] = {}
        self._met: set[FactId] = set()
        self.sealed = 0
        self.broken: list[FactId] = []

    def seal(self, fact: TerminalJournal) -> None:
        """Remember a seal; a repeated id is ignored."""
        if fact.id not in self._seals:
            self._seals[fact.id] = fact.samples, bytes.fromhex(fact.sha256)

    def check(self, journal: FactId, samples: Iterable[TerminalSample]) -> None:
        """The samples of one journal, all of them at once."""
        some = list(samples)
        known = self._seals.get(journal)
        again = journal in self._met
        self._met.add(journal)
        if known is None or again or known != (len(some), bytes.fromhex(sealed(some))):
            self.broken.append(journal)
        else:
            self.sealed += 1

    @property
    def absent(self) -> tuple[FactId, ...]:
        """The seals whose samples did not come."""
        return tuple(journal for journal in self._seals if journal not in self._met)


def sample_to_dict(sample: TerminalSample) -> dict[str, Any]:
    """The sample as a line of `terminals.ndjson`; instants in UTC."""
    return {
        "id": sample.id,
        "journal": sample.journal,
        "occurrence": sample.occurrence,
        "seat": sample.seat,
        "from": _written(sample.from_at),
        "to": _written(sample.to_at),
        "clock_from": _written(sample.clock_from),
        "clock_to": _written(sample.clock_to),
        "measured": sample.measured,
        "moved_ms": sample.moved_ms,
        "frames": sample.frames,
        "sound_bytes": sample.sound_bytes,
    }


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def parse_sample(values: Mapping[str, object]) -> TerminalSample:
    """A line of `terminals.ndjson`; MalformedError names the field."""
    fields = Fields(values, "sample")
    if "id" in values:
        fields.where = f"sample {shown(values['id'])}"
    from_at, to_at = fields.instant("from"), fields.instant("to")
    clock_from, clock_to = fields.instant("clock_from"), fields.instant("clock_to")
    if to_at <= from_at:
        raise fields.wrong("to", "晚于 from 的时刻", "later than 'from'")
    return TerminalSample(
        FactId(fields.ident("id")),
        FactId(fields.ident("journal")),
        OccurrenceId(fields.ident("occurrence")),
        SeatId(fields.ident("seat")),
        from_at,
        to_at,
        clock_from,
        clock_to,
        fields.flag("measured"),
        fields.count("moved_ms"),
        fields.count("frames"),
        fields.count("sound_bytes"),
    )
