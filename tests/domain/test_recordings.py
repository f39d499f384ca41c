"""The relay's account of a recording as values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sync_classroom.domain.ids import ClassroomId, OccurrenceId, SchoolId, SeatId
from sync_classroom.domain.recordings import (
    Recording,
    RecordingState,
    Told,
    parse_recording,
    schools_of,
    told,
    wanted_sources,
)
from tests.support.plans import lesson

ONE = OccurrenceId("o-1")


def answer(**changes: Any) -> dict[str, Any]:
    segment = {
        "name": "01-camera-0001.mp4", "container": "mp4", "start_s": 0.5, "duration_s": 3.0,
        "bytes": 100, "width": 640, "height": 360, "gaps": [], "pictures": 75,
    }  # fmt: skip
    joined = {
        "name": "01-camera-1.mp4", "container": "mp4", "start_s": 0.5, "duration_s": 3.0,
        "bytes": 90, "sha256": "ab", "width": 640, "height": 360, "gaps": [["video", 1.0, 2.0]],
    }  # fmt: skip
    source = {
        "source": "camera", "segments": [segment, {}, {**segment, "name": "01-camera-0003.mp4"}],
        "files": [joined], "joined": 2,
        "thumbnails": ["01-camera-1-1.jpg", "01-camera-1-2.jpg", "01-camera-2-1.jpg"],
    }  # fmt: skip
    return {
        "id": "o-1", "state": "saved", "started_at": "2026-11-23T01:00:00.000+00:00",
        "ended_at": None, "deleted_at": None, "disk_full": False, "failure": None,
        "sources": [source],
    } | changes  # fmt: skip


def test_joined_files_come_before_those_that_were_not() -> None:
    found = parse_recording(ONE, answer())
    assert (found.state, found.folder) == (RecordingState.SAVED, "o-1")
    assert found.started_at == datetime(2026, 11, 23, 1, tzinfo=UTC)
    assert [(f.name, f.sha256, f.thumbnails) for f in found.files] == [
        ("01-camera-1.mp4", "ab", ("01-camera-1-1.jpg", "01-camera-1-2.jpg")),
        ("01-camera-0003.mp4", None, ()),
    ]
    assert found.files[0].gaps == (("video", 1.0, 2.0),)
    assert found.bytes == 190
    assert found.at(90.0) == datetime(2026, 11, 23, 1, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "lost"},
        {"started_at": "2026-11-23T01:00:00"},
        {"sources": None},
        {"sources": [{"source": "camera"}]},
        {"started_at": 7},
    ],
)
def test_anything_else_is_a_value_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_recording(ONE, answer(**wrong))


def test_who_is_called_on_is_recorded_too() -> None:
    assert wanted_sources(None) == ("camera", "screen")
    assert wanted_sources(SeatId("s-1")) == ("camera", "screen", "seat:s-1")


def test_schools_that_take_part_are_the_host_and_the_active_seats() -> None:
    occurrence = lesson("o-1", seats=["far-1-r1", "far-2-r1", "nowhere"])
    school_of = {
        ClassroomId("far-1-r1"): SchoolId("far-1"),
        ClassroomId("far-2-r1"): SchoolId("far-2"),
        ClassroomId("far-3-r1"): SchoolId("far-3"),
    }
    assert schools_of(occurrence, school_of) == {occurrence.host.school, "far-1", "far-2"}


STATES = RecordingState


@pytest.mark.parametrize(
    ("wanted", "state", "full", "failure", "expected"),
    [
        (False, None, False, None, Told.OFF),
        (True, None, False, None, Told.STARTING),
        (True, STATES.RECORDING, False, None, Told.ON),
        # Until the relay has stopped, everything is recorded, and people are told so.
        (False, STATES.RECORDING, False, None, Told.ON),
        (True, STATES.RECORDING, True, None, Told.FULL),
        (False, STATES.RECORDING, True, None, Told.OFF),
        (True, STATES.REFUSED, True, "recording_disk_full", Told.FULL),
        (True, STATES.REFUSED, False, "recording_disk", Told.FAILED),
        (True, STATES.SAVED, False, None, Told.STARTING),
        (False, STATES.SAVED, False, None, Told.OFF),
        (True, STATES.DELETED, False, "recording_deleted", Told.FAILED),
    ],
)
def test_people_are_told_that_they_are_recorded_as_long_as_they_are(
    wanted: bool, state: RecordingState | None, full: bool, failure: str | None, expected: Told
) -> None:
    known = None
    if state is not None:
        known = Recording(ONE, state, "o-1", disk_full=full, failure=failure)
    assert told(wanted, known) is expected
