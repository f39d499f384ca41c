"""The thread's side: files, manifest, and a disk that refuses."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync_classroom.relay.recording.library import Library, Limits, State, read_manifest
from sync_classroom.relay.recording.take import Anchor
from sync_classroom.relay.recording.writer import Writer, begin
from tests.support.recordings import H264, OPUS, Source, encoded, items, opus

AT = datetime(2026, 11, 25, 9, tzinfo=UTC)


class Room:
    """A recording in a real folder, and a camera for it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.library = Library(root, Limits(0, 0, 0))
        self.library.open()
        self.writer = self.begin(100.0, AT)

    def begin(self, now: float, at: datetime) -> Writer:
        self.video, self.audio = Source(H264), Source(OPUS)
        writer = begin(self.library, "lesson-1", "lesson-1", relay="relay-1", now=now, at=at)
        writer.join("camera", frozenset({"audio", "video"}))
        return writer

    def run(self, start: float, seconds: float) -> None:
        """Half of a second or more of camera, beginning at a keyframe."""
        pictures = encoded("H264")
        video, audio = self.video.timestamp, self.audio.timestamp
        for number in range(round(seconds * 25)):
            at_s = number / 25
            packets = self.video.picture(pictures[number % 50], at_s, start + at_s, number)
            self.writer.packets("camera", "video", H264, Anchor(start, video, True), packets)
            sounds = [
                self.audio.sound(opus(2 * number + k), at_s + k / 50, start + at_s) for k in (0, 1)
            ]
            self.writer.packets("camera", "audio", OPUS, Anchor(start, audio, True), sounds)
            self.writer.advance(start + at_s)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path / "recordings")


def test_files_and_manifest_agree(room: Room) -> None:
    room.run(100.5, 3.0)
    folder = room.root / "lesson-1"
    manifest = read_manifest(folder)
    assert manifest.state is State.RECORDING
    assert [s["name"] for s in manifest.sources[0].segments] == ["01-camera-0001.mp4"]
    assert room.writer.growing == (folder / "01-camera-0001.mp4").stat().st_size
    room.writer.stop(103.5, AT + timedelta(seconds=3.5))
    manifest = read_manifest(folder)
    assert (manifest.state, manifest.ended_at) == (
        State.FINISHING,
        "2026-11-25T09:00:03.500+00:00",
    )
    (segment,) = manifest.sources[0].segments
    assert segment["closed"]
    assert (segment["start_s"], segment["duration_s"]) == (0.5, 3.0)
    assert segment["bytes"] == (folder / segment["name"]).stat().st_size
    assert len(items(folder / segment["name"])) == 75 + 150
    assert room.library.states["lesson-1"] is State.FINISHING


def test_a_recording_goes_on_after_a_crash_on_the_same_time(room: Room) -> None:
    room.run(100.0, 2.0)  # and the process is gone
    room.writer = room.begin(5000.0, AT + timedelta(seconds=60))
    room.run(5000.0, 2.0)
    room.writer.stop(5002.0, AT + timedelta(seconds=62))
    first, second = read_manifest(room.root / "lesson-1").sources[0].segments
    assert (first["name"], second["name"]) == ("01-camera-0001.mp4", "01-camera-0002.mp4")
    assert (first["closed"], second["closed"]) == (False, True)
    assert (first["start_s"], second["start_s"]) == (0.0, 60.0)


def test_a_name_is_in_the_manifest_before_its_file_is_there(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = os.open

    def spy(path: object, flags: int, mode: int = 0o777) -> int:
        if str(path).endswith(".mp4"):
            (source,) = read_manifest(room.root / "lesson-1").sources
            seen.append(source.segments[-1]["name"])
        return real(path, flags, mode)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", spy)
    room.run(100.0, 0.5)
    assert seen == ["01-camera-0001.mp4"]


def test_another_room_and_a_deleted_recording_are_refused(room: Room) -> None:
    with pytest.raises(ValueError, match=r"^room$"):
        begin(room.library, "lesson-1", "lesson-2", relay="r", now=0.0, at=AT)
    room.writer.stop(101.0, AT)
    room.writer.manifest.move(State.SAVED)
    room.writer.manifest.move(State.DELETED)
    room.library.save(room.writer.manifest)
    with pytest.raises(ValueError, match=r"^deleted$"):
        begin(room.library, "lesson-1", "lesson-1", relay="r", now=0.0, at=AT)


def test_a_write_that_fails_half_way_is_taken_back(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.run(100.0, 2.2)
    path = room.root / "lesson-1" / "01-camera-0001.mp4"
    good = path.read_bytes()
    real, left = os.write, [500]

    def full(descriptor: int, data: memoryview) -> int:
        """A disk with 500 bytes left."""
        if Path(f"/proc/self/fd/{descriptor}").readlink().suffix == ".mp4":
            if not left[0]:
                raise OSError(28, "No space left on device")
            data, left[0] = data[: left[0]], 0
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    room.run(102.2, 3.0)
    assert path.read_bytes() == good
    assert room.writer.manifest.disk_full
    assert read_manifest(room.root / "lesson-1").disk_full
    monkeypatch.undo()
    room.writer.resume()
    room.video, room.audio = Source(H264, 5, 5), Source(OPUS, 5, 5)
    room.writer.restart("camera", "video")
    room.writer.restart("camera", "audio")
    room.run(110.0, 2.0)
    room.writer.stop(112.0, AT)
    first, second = read_manifest(room.root / "lesson-1").sources[0].segments
    assert (first["name"], second["name"]) == ("01-camera-0001.mp4", "01-camera-0002.mp4")
    assert second["start_s"] == pytest.approx(10.0, abs=0.03)
    assert not room.writer.manifest.disk_full


def test_a_full_disk_is_said_and_closes_what_it_can(room: Room) -> None:
    room.run(100.0, 2.0)
    room.writer.pause(102.0)
    manifest = read_manifest(room.root / "lesson-1")
    assert manifest.disk_full
    assert manifest.sources[0].segments[0]["closed"]
    assert room.writer.keyframes_wanted(200.0) == frozenset()
    room.run(102.0, 1.0)  # nobody writes it
    assert len(manifest.sources[0].segments) == 1


def test_a_sink_writes_nothing_after_close(room: Room) -> None:
    room.run(100.0, 1.0)
    _, sink = room.writer._takes["camera"]
    sink.close()
    sink.close()
    with pytest.raises(AssertionError):
        sink.write(b"x")
