"""What of a lesson a room lost, and where its recording has it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.intervals import Spans
from sync_classroom.domain.missed import MOST, Missed, missed_of, watchable
from sync_classroom.domain.recordings import RecordedFile, Recording, RecordingState


@pytest.mark.parametrize(
    ("host", "delivered", "lost"),
    [
        pytest.param(((0, 600),), ((0, 600),), (), id="nothing"),
        pytest.param(((0, 600),), ((480, 600),), ((100, 480),), id="came late"),
        pytest.param(((0, 600),), ((0, 200), (260, 500)), ((200, 260),), id="line lost"),
        pytest.param(((0, 600),), ((0, 200),), (), id="still away: no end yet"),
        pytest.param(((0, 600),), (), (), id="never there"),
        pytest.param(((0, 200), (300, 600)), ((0, 150), (400, 600)), ((150, 200), (300, 400)),
                     id="while the host was silent nothing was missed"),
        pytest.param(((0, 600),), ((0, 200), (204, 600)), (), id="too short"),
        pytest.param(((0, 600),), ((0, 200), (205, 600)), ((200, 205),), id="just long enough"),
        pytest.param(((0, 600),), ((0, 200), (203, 208), (211, 600)), ((200, 211),),
                     id="short losses near each other are one"),
        pytest.param(((0, 600),), ((0, 200), (220, 231), (260, 600)), ((200, 220), (231, 260)),
                     id="ones further apart are two"),
        pytest.param(((50, 90),), ((95, 100),), (), id="before the planned start"),
    ],
)  # fmt: skip
def test_missed_is_what_the_host_sent_and_the_seat_did_not_receive(
    host: Spans, delivered: Spans, lost: Spans
) -> None:
    assert missed_of(host, delivered, 100) == lost


def test_a_line_without_end_is_told_of_by_its_last_losses() -> None:
    delivered = tuple((n * 40, n * 40 + 20) for n in range(50))
    lost = missed_of(((0, 2000),), delivered, 0)
    assert len(lost) == MOST
    assert lost[-1] == (48 * 40 + 20, 49 * 40)


START = datetime(2026, 11, 23, 0, 10, tzinfo=UTC)
ZERO = int(START.timestamp())


def file(name: str, source: str, start_s: float, duration_s: float) -> RecordedFile:
    return RecordedFile(name, source, "mp4", start_s, duration_s, 1, None, 320, 240)


RECORDING = Recording(
    OccurrenceId("english"),
    RecordingState.RECORDING,
    "english",
    START,
    files=(
        file("01-camera-0001.mp4", "camera", 0.5, 99.5),
        file("01-camera-0002.mp4", "camera", 120.0, 180.0),
        file("02-screen-0001.mp4", "screen", 50.0, 250.0),
        file("03-seat-s1-0001.mp4", "seat:s1", 0.0, 300.0),
    ),
)


def parts(one: Missed) -> list[tuple[str, float, float]]:
    return [(part.file.name, part.from_s, part.to_s) for part in one.parts]


def test_a_loss_is_found_in_every_file_of_the_host_that_has_some_of_it() -> None:
    [one] = watchable(((ZERO + 40, ZERO + 150),), RECORDING)
    assert (one.first, one.last) == (ZERO + 40, ZERO + 150)
    assert parts(one) == [
        ("01-camera-0001.mp4", 40.0, 100.0),
        ("01-camera-0002.mp4", 120.0, 150.0),
        ("02-screen-0001.mp4", 50.0, 150.0),
    ]


def test_what_is_not_written_yet_is_offered_as_such() -> None:
    [one] = watchable(((ZERO + 300, ZERO + 320),), RECORDING)
    assert one.parts == ()
    [partly] = watchable(((ZERO + 290, ZERO + 320),), RECORDING)
    assert parts(partly) == [
        ("01-camera-0002.mp4", 290.0, 300.0),
        ("02-screen-0001.mp4", 290.0, 300.0),
    ]
    # Asked for, and not begun.
    assert [one.parts for one in watchable(((ZERO, ZERO + 9),), None)] == [()]


def test_what_will_never_be_written_is_not_offered() -> None:
    before = (ZERO - 60, ZERO - 20)
    between = (ZERO + 104, ZERO + 115)
    camera_only = replace(RECORDING, files=RECORDING.files[:2])
    assert watchable((before, between), camera_only) == ()
    ahead = ((ZERO + 300, ZERO + 320),)
    assert watchable(ahead, replace(RECORDING, disk_full=True)) == ()
    assert watchable(ahead, replace(RECORDING, state=RecordingState.FINISHING)) == ()


def test_files_that_were_joined_are_not_in_fragments_any_more() -> None:
    joined = replace(RECORDING, files=tuple(replace(f, sha256="ab" * 32) for f in RECORDING.files))
    assert watchable(((ZERO + 40, ZERO + 60),), replace(joined, disk_full=True)) == ()
