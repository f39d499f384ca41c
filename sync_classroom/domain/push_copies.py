"""What a classroom's terminal says of what was pushed to it: its copy, and how far it was seen.

A terminal that was away for weeks says everything later, by its own clock; it says the same again
until it is answered. What it says of a step is written once, as the fact of that step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from .facts import PushProgress, PushStep
from .fields import Fields, MalformedError
from .ids import PushId, TargetId
from .push_orders import PushOrder, step_fact

#: Copies in one message, which fit a request of 64 KiB whatever the ids.
MAX_SAID: Final = 100
#: The share of a video or sound that must have been played to have completed it, in percent: the
#: same as of a lesson that was held.
COMPLETED_PERCENT: Final = 80
_MAX_MS: Final = 2**53
_MAX_BYTES: Final = 2**53
_MAX_WATCHED_S: Final = 10 * 86400


class CopyState(StrEnum):
    """What a terminal has of a push."""

    FETCHING = "fetching"
    KEPT = "kept"
    EVICTED = "evicted"
    FAILED = "failed"


class Failure(StrEnum):
    """Why there is no copy: larger than the terminal's share of its disk, not what the server has
    by its SHA-256, or the disk refused it."""

    TOO_LARGE = "too_large"
    HASH = "hash"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class Said:
    """What a terminal says of one push; instants in its own milliseconds since 1970.

    `bytes` of it are there; `watched_s` seconds of it were played, each counted once.
    """

    push: PushId
    target: TargetId
    state: CopyState
    bytes: int
    failure: Failure | None
    watched_s: int
    steps: Mapping[PushStep, int]


@dataclass(frozen=True, slots=True)
class Copy:
    """What the server knows of a terminal's copy, as it was said `at`."""

    push: PushId
    target: TargetId
    state: CopyState
    bytes: int
    failure: Failure | None
    watched_s: int
    at: datetime


class NotTakenError(ValueError):
    """One copy's word that is not taken, and why; the terminal need not say it again."""

    def __init__(self, push: str | None, target: str | None, code: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.push = push
        self.target = target
        self.code = code
        self.zh = zh
        self.en = en


def parse_message(values: object) -> tuple[int, tuple[object, ...]]:
    """The terminal's clock when it sent (ms) and what it says of each copy; MalformedError."""
    fields = Fields(values, "pushes")
    fields.only("sent", "copies")
    copies = fields.items("copies")
    if not 0 < len(copies) <= MAX_SAID:
        raise MalformedError(
            "pushes", "copies", f"应有 1 至 {MAX_SAID} 条，现有 {len(copies)} 条",
            f"must have 1 to {MAX_SAID} entries, not {len(copies)}", value=len(copies),
        )  # fmt: skip
    return fields.count("sent", most=_MAX_MS), tuple(copies)


def parse_said(place: int, values: object) -> Said:
    """What is said at a place of the message; NotTakenError `malformed` names the field."""
    try:
        fields = Fields(values, f"copies[{place}]")
        fields.only(
            "push",
            "target",
            "state",
            "bytes",
            "failure",
            "watched_s",
            *(_short(s) for s in PushStep),
        )
        steps = {
            step: fields.count(_short(step), most=_MAX_MS)
            for step in PushStep
            if fields.has(_short(step))
        }
        return Said(
            PushId(fields.ident("push")),
            TargetId(fields.ident("target")),
            fields.choice("state", CopyState),
            fields.count("bytes", most=_MAX_BYTES),
            fields.choice("failure", Failure) if fields.has("failure") else None,
            fields.count("watched_s", most=_MAX_WATCHED_S),
            steps,
        )
    except MalformedError as error:
        known = values if isinstance(values, Mapping) else {}
        push, target = (
            v if isinstance(v := known.get(name), str) and len(v) <= 96 else None
            for name in ("push", "target")
        )
        raise NotTakenError(push, target, "malformed", error.zh, error.en) from None


def facts_of(
    said: Said, order: PushOrder, *, sent_ms: int, received_at: datetime
) -> tuple[PushProgress, ...]:
    """The facts of what a terminal says, in the order of the steps.

    The terminal's clock is compared with ours as the message comes, so that a wrong clock moves
    nothing; what would still lie before the order was sent, or ahead of now, is put there. A later
    step says the earlier ones, too. What happened after the order was over is no fact.
    """
    assert order.sent_at is not None
    done: dict[PushStep, datetime] = {}
    for step in reversed(PushStep):
        ms = said.steps.get(step)
        later = min(done.values(), default=None)
        if ms is None and later is None:
            continue
        at = received_at if ms is None else _instant(ms, sent_ms, received_at)
        at = min(max(at, order.sent_at), received_at)
        done[step] = at if later is None else min(at, later)
    over_at = order.over_at_for(said.target)
    return tuple(
        step_fact(order.id, said.target, step, done[step])
        for step in PushStep
        if step in done and (over_at is None or done[step] < over_at)
    )


def _instant(ms: int, sent_ms: int, received_at: datetime) -> datetime:
    try:
        return received_at - timedelta(milliseconds=sent_ms - ms)
    except OverflowError:
        return received_at


def _short(step: PushStep) -> str:
    """`push_delivered` is `delivered` on the wire."""
    return step.value.removeprefix("push_")
