"""The lesson file: made by us, decodable by anybody; other files checked and explained."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame

from sync_classroom.domain.problems import ProblemError
from sync_classroom.simulator.recording import load_recording, make_material, make_recording


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lesson") / "lesson.mkv"
    make_recording(path, seconds=4, width=320, height=180, fps=10, bitrate_kbps=150)
    return path


def test_made_recording_decodes_to_every_frame_and_sample(lesson: Path) -> None:
    with av.open(str(lesson)) as container:
        video = list(container.decode(container.streams.video[0]))
        container.seek(0)
        samples = sum(f.samples for f in container.decode(container.streams.audio[0]))
    assert len(video) == 40
    assert (video[0].width, video[0].height) == (320, 180)
    assert abs(samples - 4 * 48000) <= 960


def test_clock_on_the_slide_moves(lesson: Path) -> None:
    with av.open(str(lesson)) as container:
        frames = list(container.decode(container.streams.video[0]))
    clock = [bytes(f.planes[0])[150 * f.planes[0].line_size :] for f in (frames[5], frames[25])]
    assert clock[0] != clock[1]


def test_loaded_recording_has_every_frame_in_order(lesson: Path) -> None:
    recording = load_recording(lesson)
    video = [u for u in recording.units if u.video]
    audio = [u for u in recording.units if not u.video]
    assert [u.timestamp for u in video] == [round(i * 9000) for i in range(40)]
    assert [u.timestamp for u in audio] == [960 * i for i in range(len(audio))]
    assert abs(len(audio) - 200) <= 1
    assert recording.duration_s == pytest.approx(4.0)
    assert all(0 < len(p) <= 1300 for u in recording.units for p in u.payloads)
    assert [u.at_s for u in recording.units] == sorted(u.at_s for u in recording.units)


def _encode(path: Path, codec: str, options: dict[str, str], seconds: int = 2) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for index in range(10 * seconds):
            frame = VideoFrame(160, 120, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([index + 60]) * plane.buffer_size)
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("name", "codec", "options", "seconds", "reason"),
    [
        ("vp8.webm", "libvpx", {}, 2, "its video is vp8, not H.264"),
        ("b.mkv", "libx264", {"bf": "2", "preset": "medium"}, 2, "B frames"),
        ("gop.mkv", "libx264", {"x264-params": "bframes=0:keyint=999:scenecut=0"}, 8, "keyframes"),
    ],
)  # fmt: skip
def test_unsuitable_file_is_explained_with_a_remedy(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], seconds: int, reason: str
) -> None:
    path = tmp_path / name
    _encode(path, codec, options, seconds)
    with pytest.raises(ProblemError, match=reason) as caught:
        load_recording(path)
    assert caught.value.code == "recording_unsuitable"
    assert f"ffmpeg -i {path}" in caught.value.zh


def test_rubbish_and_missing_files_are_named(tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.mp4"
    rubbish.write_bytes(b"not a film" * 1000)
    for path in (rubbish, tmp_path / "missing.mp4"):
        with pytest.raises(ProblemError, match=path.name) as caught:
            load_recording(path)
        assert caught.value.code == "recording_unreadable"


def test_odd_picture_size_is_refused_before_a_file_is_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="321×180"):
        make_recording(tmp_path / "odd.mkv", seconds=1, width=321, height=180)
    assert not list(tmp_path.iterdir())


def test_material_is_the_same_recording_in_a_file_that_browsers_play(
    lesson: Path, tmp_path: Path
) -> None:
    made = tmp_path / "material.mp4"
    make_material(lesson, made)
    assert made.read_bytes()[4:8] == b"ftyp"
    for kind in ("video", "audio"):
        with av.open(str(lesson)) as source, av.open(str(made)) as copy:
            frames = [sum(1 for _ in f.decode(**{kind: 0})) for f in (source, copy)]
        assert frames[0] == frames[1] > 0
