"""Joining: one file a source, no picture lost, time kept, killed at any moment."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import av
import pytest

from sync_classroom.relay.recording import finishing
from sync_classroom.relay.recording.depacketise import OPUS_SILENCE
from sync_classroom.relay.recording.finishing import NoRoomError, finish
from sync_classroom.relay.recording.library import Manifest, State, read_manifest
from sync_classroom.relay.recording.take import Anchor
from sync_classroom.relay.recording.writer import Writer, begin
from sync_classroom.relay.session import Codec
from tests.relay.recording.test_writer import AT, Room
from tests.support.recordings import (
    H264,
    OPUS,
    VP8,
    Source,
    decoded,
    encoded,
    items,
    opus,
    opus_number,
)
from tests.support.waiting import PATIENCE_S


def record(
    writer: Writer, source: str, start: float, seconds: float, codec: Codec = H264,
    size: tuple[int, int] = (320, 240), first: int = 0,
) -> None:  # fmt: skip
    """A publisher that comes, sends, and goes."""
    writer.join(source, frozenset({"audio", "video"}))
    video, audio = Source(codec), Source(OPUS)
    pictures = encoded(codec.name, *size)
    at_video, at_audio = (Anchor(start, s.timestamp, True) for s in (video, audio))
    for number in range(round(seconds * 25)):
        at_s = number / 25
        packets = video.picture(pictures[number % 50], at_s, start + at_s, number)
        writer.packets(source, "video", codec, at_video, packets)
        sounds = [
            audio.sound(opus(first + 2 * number + k), at_s + k / 50, start + at_s) for k in (0, 1)
        ]
        writer.packets(source, "audio", OPUS, at_audio, sounds)
        writer.advance(start + at_s)
    writer.gone(source, start + seconds)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path / "recordings")


def ended(room: Room, now: float) -> Path:
    room.writer.stop(now, AT + timedelta(seconds=now - 100.0))
    return room.root / "lesson-1"


def finished(folder: Path) -> Manifest:
    finish(folder, 0)
    return read_manifest(folder)


def test_one_file_to_take_away_with_its_hash_and_thumbnails(room: Room) -> None:
    record(room.writer, "camera", 100.5, 4.0)
    folder = ended(room, 104.5)
    manifest = finished(folder)
    assert manifest.state is State.SAVED
    (camera,) = manifest.sources
    (file,) = camera.files
    path = folder / file["name"]
    assert file["name"] == "01-camera-1.mp4"
    assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file["bytes"] == path.stat().st_size
    assert (file["start_s"], file["duration_s"]) == (0.5, 4.0)
    assert (file["width"], file["height"], file["video"], file["audio"]) == (
        320, 240, "H264", "opus",
    )  # fmt: skip
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays while it is still coming
    assert len(camera.thumbnails) == 3
    for name in camera.thumbnails:
        with av.open(str(folder / name)) as picture:
            assert (picture.streams.video[0].width, picture.streams.video[0].height) == (320, 240)
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        ["manifest.json", file["name"], *camera.thumbnails]
    )


@pytest.mark.parametrize("codec", [H264, VP8], ids=lambda c: c.name)
def test_files_of_several_sizes_and_publishers_are_joined_on_one_time(
    room: Room, codec: Codec
) -> None:
    record(room.writer, "camera", 100.0, 2.0, codec)
    record(room.writer, "camera", 102.0, 2.0, codec, (640, 360), first=100)
    record(room.writer, "camera", 110.0, 2.0, codec, first=200)  # the first size again
    folder = ended(room, 112.0)
    before = [
        item for segment in read_manifest(folder).sources[0].segments
        for item in items(folder / segment["name"]) if item.kind == "video"
    ]  # fmt: skip
    (camera,) = finished(folder).sources
    (file,) = camera.files
    found = items(folder / file["name"])
    video = [item for item in found if item.kind == "video"]
    assert len(video) == len(before) == 150
    assert [round(item.at_s, 2) for item in video] == [
        round(start + n / 25, 2) for start in (0.0, 2.0, 10.0) for n in range(50)
    ]
    # Nothing was encoded: the same bytes, but for parameter sets said again at every beginning.
    assert all(new.data.endswith(old.data) for new, old in zip(video, before, strict=True))
    shown = list(decoded(folder / file["name"]))
    sizes = [(320, 240)] * 50 + [(640, 360)] * 50 + [(320, 240)] * 50
    assert [(frame.width, frame.height) for _, frame in shown] == sizes
    if codec is H264:  # whoever moves about in it hears them wherever they begin
        sets = [bool(item.data[4] & 0x1F == 7) for item in video]
        assert [n for n, said in enumerate(sets) if said] == [0, 25, 50, 75, 100, 125]
    audio = [item for item in found if item.kind == "audio"]
    assert [round(item.at_s * 50) for item in audio] == list(range(len(audio)))
    numbers = {round(item.at_s * 50): opus_number(item.data) for item in audio}
    assert [numbers[n] for n in (0, 99, 100, 199, 500, 599)] == [0, 99, 100, 199, 200, 299]
    assert audio[300].data == OPUS_SILENCE
    assert file["width"] == 640
    assert file["duration_s"] == pytest.approx(12.0, abs=0.03)
    assert [gap[0] for gap in file["gaps"]] == ["all"]
    assert file["gaps"][0][1:] == [pytest.approx(4.0, abs=0.05), 10.0]


def test_kinds_of_files_that_do_not_mix_stay_apart(room: Room) -> None:
    record(room.writer, "camera", 100.0, 2.0, H264)
    record(room.writer, "camera", 102.0, 2.0, VP8)
    record(room.writer, "seat:seat-1", 101.0, 1.0, H264)
    camera, seat = finished(ended(room, 104.0)).sources
    assert [file["name"] for file in camera.files] == ["01-camera-1.mp4", "01-camera-2.webm"]
    assert [file["start_s"] for file in camera.files] == [0.0, pytest.approx(2.0)]
    assert [(file["name"], file["start_s"]) for file in seat.files] == [
        ("02-seat-seat-1-1.mp4", pytest.approx(1.0))
    ]


def test_what_a_killed_writer_left_is_measured_from_the_file(room: Room) -> None:
    room.run(100.0, 3.0)  # and the process is killed in the middle of a write
    folder = room.root / "lesson-1"
    path = folder / "01-camera-0001.mp4"
    whole = path.read_bytes()
    path.write_bytes(whole[:-700])
    again = begin(
        room.library, "lesson-1", "lesson-1", relay="relay-1", now=900.0, at=AT + timedelta(hours=1)
    )
    again.stop(900.0, AT + timedelta(hours=1))
    (camera,) = finished(folder).sources
    (file,) = camera.files
    assert 1.0 < file["duration_s"] <= 3.0
    shown = sum(1 for _ in decoded(folder / file["name"]))
    assert 25 <= shown < 75
    assert camera.segments[0]["closed"] is False


def test_empty_files_and_missing_ones_do_not_stop_it(room: Room) -> None:
    record(room.writer, "camera", 100.0, 2.0)
    folder = ended(room, 102.0)
    manifest = read_manifest(folder)
    first = dict(manifest.sources[0].segments[0])
    manifest.sources[0].segments += [
        {**first, "name": "01-camera-0002.mp4"},  # never made
        {**first, "name": "01-camera-0003.mp4"},  # nothing but a beginning
        {},
    ]
    room.library.save(manifest)
    (folder / "01-camera-0003.mp4").write_bytes((folder / first["name"]).read_bytes()[:900])
    (camera,) = finished(folder).sources
    assert [file["name"] for file in camera.files] == ["01-camera-1.mp4"]
    assert camera.joined == 4


def test_a_recording_that_went_on_after_it_was_saved_gets_another_file(room: Room) -> None:
    record(room.writer, "camera", 100.0, 2.0)
    folder = ended(room, 102.0)
    finish(folder, 0)
    room.writer = room.begin(160.0, AT + timedelta(seconds=60))
    record(room.writer, "camera", 160.0, 2.0)
    room.writer.stop(162.0, AT + timedelta(seconds=62))
    (camera,) = finished(folder).sources
    assert [(file["name"], file["start_s"]) for file in camera.files] == [
        ("01-camera-1.mp4", 0.0),
        ("01-camera-2.mp4", pytest.approx(60.0)),
    ]


def test_pictures_nobody_can_decode_are_kept_without_thumbnails(room: Room) -> None:
    record(room.writer, "camera", 100.0, 1.0, VP8)
    folder = ended(room, 101.0)
    path = folder / "01-camera-0001.webm"
    data = path.read_bytes()
    for item in items(data):
        if item.kind == "video":  # a frame tag that promises more than there is
            data = data.replace(item.data, b"\xf0\xff\xff" + item.data[3:])
    path.write_bytes(data)
    (camera,) = finished(folder).sources
    assert camera.thumbnails == []
    assert [file["name"] for file in camera.files] == ["01-camera-1.webm"]


def test_without_room_nothing_is_touched(room: Room) -> None:
    record(room.writer, "camera", 100.0, 1.0)
    folder = ended(room, 101.0)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(NoRoomError):
        finish(folder, 1 << 60)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("step", ["_join", "_check", "_describe", "_thumbnails", "write_manifest"])
def test_killed_at_any_step_it_begins_again(
    room: Room, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(room.writer, "camera", 100.0, 2.0)
    folder = ended(room, 102.0)
    real = getattr(finishing, step)

    def killed(*arguments: object) -> None:
        if step != "write_manifest":
            real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(finishing, step, killed)
    with pytest.raises(KeyboardInterrupt):
        finish(folder, 0)
    monkeypatch.undo()
    manifest = finished(folder)
    assert manifest.state is State.SAVED
    assert sum(1 for _ in decoded(folder / "01-camera-1.mp4")) == 50
    assert len(list(folder.iterdir())) == 5


def test_the_process_ends_with_the_one_that_started_it(room: Room, tmp_path: Path) -> None:
    record(room.writer, "camera", 100.0, 1.0)
    folder = ended(room, 101.0)
    fifo = folder / "01-camera-0001.mp4"
    fifo.unlink()
    os.mkfifo(fifo)  # reading it waits for ever
    process = subprocess.Popen(
        [sys.executable, "-m", "sync_classroom.relay.recording.finishing", str(folder), "0"],
        stdin=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=PATIENCE_S) in (1, -signal.SIGKILL)
    assert read_manifest(folder).state is State.FINISHING


def test_the_process_says_what_went_wrong(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "sync_classroom.relay.recording.finishing", str(tmp_path), "0"],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert "FileNotFoundError" in process.stderr.read()
        assert process.wait(timeout=PATIENCE_S) == 1
