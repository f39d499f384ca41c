"""Evidence, one appended line at a time. A fact is never changed; a correction is another fact."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any, Final

from .fields import Fields, shown
from .ids import ID_PATTERN, FactId, OccurrenceId, PushId, SeatId, TargetId, TeacherId

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class HostMedia:
    """Host media arrived at the relay in `[from_at, to_at)`."""

    id: FactId
    occurrence: OccurrenceId
    from_at: datetime
    to_at: datetime
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class SeatMedia:
    """Packets sent to a seat and, of those, packets its receiver reports acknowledge."""

    id: FactId
    occurrence: OccurrenceId
    seat: SeatId
    from_at: datetime
    to_at: datetime
    sent: int
    acked: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ParticipantMedia:
    """A research participant took part: `packets` of theirs arrived at the relay, or of those sent
    to them were acknowledged by their receiver reports, for whoever listens is there too."""

    id: FactId
    occurrence: OccurrenceId
    teacher: TeacherId
    from_at: datetime
    to_at: datetime
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Headcount:
    """Pupils present in a seat's room (实到), as entered by `by`; the latest counts."""

    id: FactId
    occurrence: OccurrenceId
    seat: SeatId
    at: datetime
    present: int
    by: str


class InteractionKind(StrEnum):
    """What a seat did or was asked to do."""

    HAND_RAISED = "hand_raised"
    CALLED_ON = "called_on"
    ANSWERED = "answered"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Interaction:
    """One act of interaction with a seat."""

    id: FactId
    occurrence: OccurrenceId
    seat: SeatId
    at: datetime
    what: InteractionKind


@dataclass(frozen=True, slots=True)
class JournalGap:
    """Evidence of one relay is known to be lost in `[from_at, to_at)`."""

    id: FactId
    relay: str
    from_at: datetime
    to_at: datetime


class PushStep(StrEnum):
    """How far a pushed resource got at one target."""

    DELIVERED = "push_delivered"
    OPENED = "push_opened"
    COMPLETED = "push_completed"


@dataclass(frozen=True, slots=True)
class PushProgress:
    """A target received, opened or completed a pushed resource."""

    id: FactId
    step: PushStep
    push: PushId
    target: TargetId
    at: datetime


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A person vouches for `[credit_from, credit_to)`; counted, and counted separately."""

    id: FactId
    occurrence: OccurrenceId
    seat: SeatId
    credit_from: datetime
    credit_to: datetime
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class TerminalJournal:
    """The seal of what a seat's own terminal noted in `[from_at, to_at)`; no figure rests on it.

    `samples` is how many there were, `sha256` the digest of their canonical text. They lie beside
    the facts (`terminal_journal`) and may be deleted in time; the seal stays.
    """

    id: FactId
    occurrence: OccurrenceId
    seat: SeatId
    from_at: datetime
    to_at: datetime
    samples: int
    sha256: str


Fact = (
    HostMedia
    | SeatMedia
    | ParticipantMedia
    | Headcount
    | Interaction
    | JournalGap
    | PushProgress
    | Adjustment
    | TerminalJournal
)


def parse_fact(values: Mapping[str, object]) -> Fact:
    """Read one fact as written in `facts.ndjson`; fields nobody knows are passed over.

    Raises MalformedError (a ValueError) naming the field: instants must carry an offset, counts be
    whole numbers of 0 or more, and an interval must not end before it begins.
    """
    if isinstance(values, dict) and values.get("kind") == "seat_media":
        sample = _well_formed_sample(values)
        if sample is not None:
            return sample
    fields = Fields(values, "fact")
    if "id" in values:
        fields.where = f"fact {shown(values['id'])}"
    kind = fields.values.get("kind")
    parse = _PARSERS.get(kind) if isinstance(kind, str) else None
    if parse is None:
        names = ", ".join(_PARSERS)
        raise fields.wrong("kind", f"以下之一：{names}", f"one of {names}")
    return parse(fields, FactId(fields.ident("id")))


def kind_of(fact: Fact) -> str:
    """The kind of a fact, as `facts.ndjson` has it."""
    return fact.step.value if isinstance(fact, PushProgress) else _KINDS[type(fact)]


def fact_to_dict(fact: Fact, zone: tzinfo | None = None) -> dict[str, object]:
    """The fact as a JSON-able object, with the field names of `facts.ndjson`.

    Instants are written in `zone`, by default each in its own.
    """
    written: dict[str, object] = {"id": fact.id, "kind": kind_of(fact)}
    for name in fact.__slots__:
        if name in ("id", "step"):
            continue
        value = getattr(fact, name)
        key = {"from_at": "from", "to_at": "to"}.get(name, name)
        if isinstance(value, datetime):
            value = value.isoformat() if zone is None else value.astimezone(zone).isoformat()
        written[key] = value.value if isinstance(value, StrEnum) else value
    return written


def _well_formed_sample(values: dict[str, Any]) -> SeatMedia | None:
    """A seat's sample that has nothing wrong with it, else None.

    Nearly every fact of a year is one, so it is read without naming what might be wrong; whoever
    gets None asks the careful reader, which says it.
    """
    try:
        ident, occurrence, seat = values["id"], values["occurrence"], values["seat"]
        from_at = datetime.fromisoformat(values["from"])
        to_at = datetime.fromisoformat(values["to"])
        sent, acked, size = values["sent"], values["acked"], values["bytes"]
        good = (
            type(sent) is type(acked) is type(size) is int
            and sent >= 0
            and acked >= 0
            and size >= 0
            and ID_PATTERN.fullmatch(ident)
            and ID_PATTERN.fullmatch(occurrence)
            and ID_PATTERN.fullmatch(seat)
            and from_at.tzinfo is not None
            and from_at <= to_at  # TypeError when only one of them is aware
        )
    except (KeyError, TypeError, ValueError):
        return None
    return SeatMedia(ident, occurrence, seat, from_at, to_at, sent, acked, size) if good else None


def _interval(fields: Fields, first: str = "from", last: str = "to") -> tuple[datetime, datetime]:
    from_at, to_at = fields.instant(first), fields.instant(last)
    if to_at < from_at:
        raise fields.wrong(last, f"不早于 {first} 的时刻", f"not before {first!r}")
    return from_at, to_at


def _occurrence(fields: Fields) -> OccurrenceId:
    return OccurrenceId(fields.ident("occurrence"))


def _seat(fields: Fields) -> SeatId:
    return SeatId(fields.ident("seat"))


def _host_media(fields: Fields, ident: FactId) -> HostMedia:
    from_at, to_at = _interval(fields)
    return HostMedia(
        ident,
        _occurrence(fields),
        from_at,
        to_at,
        fields.count("packets"),
        fields.count("bytes"),
    )


def _seat_media(fields: Fields, ident: FactId) -> SeatMedia:
    from_at, to_at = _interval(fields)
    return SeatMedia(
        ident,
        _occurrence(fields),
        _seat(fields),
        from_at,
        to_at,
        # A receiver may acknowledge more than was sent in the sample: it reports late.
        fields.count("sent"),
        fields.count("acked"),
        fields.count("bytes"),
    )


def _participant_media(fields: Fields, ident: FactId) -> ParticipantMedia:
    from_at, to_at = _interval(fields)
    return ParticipantMedia(
        ident,
        _occurrence(fields),
        TeacherId(fields.ident("teacher")),
        from_at,
        to_at,
        fields.count("packets"),
        fields.count("bytes"),
    )


def _headcount(fields: Fields, ident: FactId) -> Headcount:
    return Headcount(
        ident,
        _occurrence(fields),
        _seat(fields),
        fields.instant("at"),
        fields.count("present"),
        fields.text("by"),
    )


def _interaction(fields: Fields, ident: FactId) -> Interaction:
    return Interaction(
        ident,
        _occurrence(fields),
        _seat(fields),
        fields.instant("at"),
        fields.choice("what", InteractionKind),
    )


def _journal_gap(fields: Fields, ident: FactId) -> JournalGap:
    from_at, to_at = _interval(fields)
    return JournalGap(ident, fields.text("relay"), from_at, to_at)


def _push_progress(fields: Fields, ident: FactId) -> PushProgress:
    return PushProgress(
        ident,
        fields.choice("kind", PushStep),
        PushId(fields.ident("push")),
        TargetId(fields.ident("target")),
        fields.instant("at"),
    )


def _adjustment(fields: Fields, ident: FactId) -> Adjustment:
    credit_from, credit_to = _interval(fields, "credit_from", "credit_to")
    return Adjustment(
        ident,
        _occurrence(fields),
        _seat(fields),
        credit_from,
        credit_to,
        fields.instant("at"),
        fields.text("by"),
        fields.text("reason"),
    )


def _terminal_journal(fields: Fields, ident: FactId) -> TerminalJournal:
    from_at, to_at = _interval(fields)
    sha256 = fields.text("sha256")
    if not _SHA256.fullmatch(sha256):
        raise fields.wrong("sha256", " 64 位小写十六进制数字", "64 hexadecimal digits")
    return TerminalJournal(
        ident,
        _occurrence(fields),
        _seat(fields),
        from_at,
        to_at,
        fields.count("samples", least=1),
        sha256,
    )


_PARSERS: Final[Mapping[str, Callable[[Fields, FactId], Fact]]] = {
    "host_media": _host_media,
    "seat_media": _seat_media,
    "participant_media": _participant_media,
    "headcount": _headcount,
    "interaction": _interaction,
    "journal_gap": _journal_gap,
    **{step.value: _push_progress for step in PushStep},
    "adjustment": _adjustment,
    "terminal_journal": _terminal_journal,
}

_KINDS: Final[Mapping[type, str]] = {
    HostMedia: "host_media",
    SeatMedia: "seat_media",
    ParticipantMedia: "participant_media",
    Headcount: "headcount",
    Interaction: "interaction",
    JournalGap: "journal_gap",
    Adjustment: "adjustment",
    TerminalJournal: "terminal_journal",
}
