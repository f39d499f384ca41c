"""What is known of a lesson's recording: values only; the media stay where the relay put them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from .ids import ClassroomId, OccurrenceId, SchoolId, SeatId
from .timetable import Occurrence


class RecordingState(StrEnum):
    """Where a recording is; the first four are the relay's words."""

    RECORDING = "recording"
    FINISHING = "finishing"
    SAVED = "saved"
    DELETED = "deleted"
    REFUSED = "refused"
    """The relay would not begin one: `failure` says why."""


#: Something is still to come of these.
UNSETTLED = frozenset({RecordingState.RECORDING, RecordingState.FINISHING, RecordingState.REFUSED})


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One file to watch and take away. `source` is the relay's name of who is seen.

    `name` is the file's in the recording's folder. `start_s` counts from the recording's start.
    `gaps` are `(kind, from_s, to_s)` on that time; `thumbnails` names of JPEG files.
    """

    name: str
    source: str
    container: str
    start_s: float
    duration_s: float
    bytes: int
    sha256: str | None
    width: int
    height: int
    gaps: tuple[tuple[str, float, float], ...] = ()
    thumbnails: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recording:
    """The recording of one lesson. `disk_full`: it stands still or stopped early for want of room.

    `folder` is where it is under the recordings' folder.
    """

    occurrence: OccurrenceId
    state: RecordingState
    folder: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deleted_at: datetime | None = None
    disk_full: bool = False
    failure: str | None = None
    files: tuple[RecordedFile, ...] = ()

    @property
    def bytes(self) -> int:
        """What all files take, or took."""
        return sum(file.bytes for file in self.files)

    def at(self, seconds: float) -> datetime | None:
        """The instant of a place in the recording."""
        return None if self.started_at is None else self.started_at + timedelta(seconds=seconds)


class Told(StrEnum):
    """What those in a meeting are told of its being recorded."""

    OFF = "off"
    STARTING = "starting"
    """Somebody asked for it, and the relay has not begun."""
    ON = "on"
    """Also while it is being stopped: until the relay has, everything is recorded."""
    FULL = "full"
    """Asked for, and standing still for want of room."""
    FAILED = "failed"
    """Asked for, and refused by the relay for another reason."""


def told(wanted: bool, known: Recording | None) -> Told:
    """What to tell of a recording, as last heard of it."""
    if known is not None and known.state is RecordingState.RECORDING and not known.disk_full:
        return Told.ON
    if not wanted:
        return Told.OFF
    if known is not None and known.disk_full:
        return Told.FULL
    return Told.FAILED if known is not None and known.failure else Told.STARTING


@dataclass(frozen=True, slots=True)
class RecordingAct:
    """Somebody (`by`, an account) had a recording begin or, without `wanted`, stop."""

    at: datetime
    by: str
    wanted: bool


def wanted_sources(called_on: SeatId | None) -> tuple[str, ...]:
    """What of a lesson is recorded: the host's camera and courseware, and who is called on."""
    seat = () if called_on is None else (f"seat:{called_on}",)
    return ("camera", "screen", *seat)


def schools_of(occurrence: Occurrence, school_of: Mapping[ClassroomId, SchoolId]) -> set[SchoolId]:
    """The schools that take part, whose teachers may watch the recording."""
    seats = {school_of[s.classroom] for s in occurrence.active_seats if s.classroom in school_of}
    return {occurrence.host.school, *seats}


def parse_recording(occurrence: OccurrenceId, answer: Mapping[str, Any]) -> Recording:
    """The relay's account of a recording; ValueError for anything else."""
    try:
        sources: Sequence[Mapping[str, Any]] = answer["sources"]
        files = tuple(file for source in sources for file in _files(source))
        return Recording(
            occurrence,
            RecordingState(answer["state"]),
            folder=str(answer["id"]),
            started_at=_instant(answer["started_at"]),
            ended_at=_instant(answer["ended_at"]),
            deleted_at=_instant(answer["deleted_at"]),
            disk_full=bool(answer["disk_full"]),
            failure=None if answer["failure"] is None else str(answer["failure"]),
            files=files,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a recording without its fields: {error!r}") from error


def _files(source: Mapping[str, Any]) -> list[RecordedFile]:
    """Joined files, and those not joined: being written, or left as they were recorded."""
    found = list(source["files"]) + list(source["segments"])[source["joined"] :]
    files = []
    for file in found:
        if not file:
            continue
        name = str(file["name"])
        stem = name.rpartition(".")[0]
        files.append(
            RecordedFile(
                name,
                str(source["source"]),
                str(file["container"]),
                float(file["start_s"]),
                float(file["duration_s"]),
                int(file["bytes"]),
                file.get("sha256"),
                int(file["width"]),
                int(file["height"]),
                tuple((str(kind), float(a), float(b)) for kind, a, b in file["gaps"]),
                tuple(str(t) for t in source["thumbnails"] if str(t).startswith(f"{stem}-")),
            )
        )
    return files


def _instant(text: str | None) -> datetime | None:
    at = None if text is None else datetime.fromisoformat(text)
    if at is not None and at.tzinfo is None:
        raise ValueError(f"instant {text!r} has no time zone")
    return at
