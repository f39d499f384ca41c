"""Calls for help from a classroom to the operators, with what its terminal knew at that moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from .ids import ActId, ClassroomId, OccurrenceId, TerminalId

MAX_HELP_CHARS: Final = 100
#: The last things that went wrong at a terminal, as it tells them.
MAX_ERRORS: Final = 10
#: A call nobody has answered by then is of no use to the room any more.
STALE_AFTER: Final = timedelta(hours=12)
#: Calls of one room in `STALE_AFTER`.
MAX_CALLS: Final = 20


@dataclass(frozen=True, slots=True)
class HelpCall:
    """One call. `id` is the act that brought it; `state` as docs/terminal-protocol.md has it.

    `answered_by` is the login of who took it on.
    """

    id: ActId
    classroom: ClassroomId
    terminal: TerminalId
    lesson: OccurrenceId | None
    at: datetime
    text: str
    state: Mapping[str, Any]
    answered_by: str | None = None
    answered_at: datetime | None = None


class CallTurn(StrEnum):
    """Whether a room may call: now, not while one of its calls waits, or no more for hours."""

    NOW = "now"
    WAITING = "waiting"
    TOO_MANY = "too_many"


def waits(call: HelpCall, now: datetime) -> bool:
    """Whether a call is still to be answered."""
    return call.answered_at is None and now - call.at < STALE_AFTER


def call_turn(calls: tuple[HelpCall, ...], now: datetime) -> CallTurn:
    """Whether a room may call at `now`, after its `calls` of the last `STALE_AFTER`."""
    if any(waits(call, now) for call in calls):
        return CallTurn.WAITING
    recent = sum(now - call.at < STALE_AFTER for call in calls)
    return CallTurn.TOO_MANY if recent >= MAX_CALLS else CallTurn.NOW
