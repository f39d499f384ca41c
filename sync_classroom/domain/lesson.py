"""The life of one occurrence as a table: planned → open → live → ended, or missed, or cancelled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .ids import OccurrenceId


class LessonState(StrEnum):
    """Where an occurrence is in its life."""

    PLANNED = "planned"
    OPEN = "open"
    LIVE = "live"
    ENDED = "ended"
    MISSED = "missed"
    CANCELLED = "cancelled"


class EndReason(StrEnum):
    """Why a lesson that was live is over."""

    BUTTON = "button"
    GRACE_OVER = "grace_over"
    HOST_GONE = "host_gone"
    NEXT_BOOKING = "next_booking"


@dataclass(frozen=True, slots=True)
class LessonRun:
    """What has happened to one occurrence so far; all instants aware.

    `host_lost_at` is set while a live lesson's host media is absent. `extended_s` is what the host
    added to the planned end by pressing "extend". `version` counts stored changes, so that two
    coordinators cannot both write the same transition.
    """

    occurrence: OccurrenceId
    state: LessonState = LessonState.PLANNED
    opened_at: datetime | None = None
    live_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    extended_s: int = 0
    host_lost_at: datetime | None = None
    version: int = 0
