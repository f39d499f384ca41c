"""Real files and a real RTSP server read by FFmpeg: what comes out is fit for WebRTC."""

from __future__ import annotations

from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from sync_classroom.domain.ingest import IngestError, parse_ingest
from sync_classroom.relay.ingest_media import AUDIO_FRAME, Source, Unit
from tests.support.gstreamer import rtsp_server
from tests.support.hosts import TONE_HZ, loudest_hz, make


def read(
    url: str, folder: Path | None = None, *, seconds: float = 3.0
) -> tuple[list[Unit], list[str], Any]:
    """Units of so many seconds, the advice that was given, the facts."""
    source = Source.open(parse_ingest(url), folder=folder)
    units: list[Unit] = []
    advice: list[str] = []
    try:
        for unit in source.units(advice.append):
            units.append(unit)
            if unit.at_s - units[0].at_s >= seconds:
                break
        return units, advice, source.facts
    finally:
        source.close()


def decoded(units: list[Unit]) -> tuple[int, list[int]]:
    """How many pictures, and the samples, that decoders make of the units."""
    video, audio = av.CodecContext.create("h264", "r"), av.CodecContext.create("opus", "r")
    pictures, samples = 0, []
    for unit in units:
        if unit.video:
            pictures += len(video.decode(unit.packet))
            continue
        for frame in audio.decode(unit.packet):
            samples += [int(v * 30000) for v in memoryview(frame.planes[0]).cast("f")]
    return pictures + len(video.decode(None)), samples


@pytest.mark.parametrize(
    ("name", "audio", "rate"),
    [
        ("a.mp4", "aac", 44100),
        ("a.flv", "aac", 44100),
        ("a.ts", "mp2", 48000),
        ("a.mov", "pcm_alaw", 8000),
        ("b.mkv", "libopus", 48000),
        ("a.ts", "aac", 32000),
    ],
)
def test_any_sound_becomes_opus_beside_the_picture(
    tmp_path: Path, name: str, audio: str, rate: int
) -> None:
    make(tmp_path / name, audio=audio, audio_rate=rate)
    units, advice, facts = read(f"file:{name}", tmp_path)
    pictures, samples = decoded(units)
    assert 74 <= pictures <= 77
    assert abs(len(samples) - 3 * 48000) <= 6 * AUDIO_FRAME
    assert loudest_hz(samples, 48000) == TONE_HZ
    assert units[0].key
    assert (facts.width, facts.height, advice) == (320, 180, [])


def test_sound_and_picture_keep_their_distance(tmp_path: Path) -> None:
    for delay_s in (0.0, 0.25):
        name = f"{delay_s}.mp4"
        make(tmp_path / name, delay_s=delay_s)
        units, _, _ = read(f"file:{name}", tmp_path)
        assert tone_s(units) - flash_s(units) == pytest.approx(delay_s, abs=0.015)


def flash_s(units: list[Unit]) -> float:
    """Media time of the second flash."""
    decoder = av.CodecContext.create("h264", "r")
    shades = [
        (float(frame.pts * frame.time_base), memoryview(frame.planes[0])[0])
        for unit in units
        if unit.video
        for frame in decoder.decode(unit.packet)
    ]
    rises = [at for (_, a), (at, b) in pairwise(shades) if b - a > 90]
    return rises[1]


def tone_s(units: list[Unit]) -> float:
    """Media time at which the tone of the second flash begins."""
    decoder = av.CodecContext.create("opus", "r")
    rises, loud = [], True
    for unit in (u for u in units if not u.video):
        for frame in decoder.decode(unit.packet):
            values = memoryview(frame.planes[0]).cast("f")
            for block in range(0, len(values), 48):
                now = max(abs(v) for v in values[block : block + 48]) > 0.1
                if now and not loud:
                    rises.append(unit.at_s + block / 48000)
                quiet = max(abs(v) for v in values[block : block + 48]) < 0.01
                loud = now or (loud and not quiet)
    return next(at for at in rises if at > 1.5)


def test_a_file_begins_again_without_a_step_in_time(tmp_path: Path) -> None:
    make(tmp_path / "a.mp4", seconds=2)
    units, _, _ = read("file:a.mp4", tmp_path, seconds=5)
    times = [unit.at_s for unit in units if unit.video]
    steps = [later - earlier for earlier, later in pairwise(times)]
    assert min(steps) > 0.03
    assert max(steps) < 0.12
    assert sum(unit.key for unit in units) >= 5


@pytest.mark.parametrize(
    ("made", "code"),
    [
        ({"b_frames": 2}, "b_frames"),
        ({"video": None}, "no_video"),
        ({"video": "mpeg4"}, "video_codec"),
    ],
)
def test_an_unsuitable_stream_is_refused_by_name(
    tmp_path: Path, made: dict[str, Any], code: str
) -> None:
    make(tmp_path / "a.mp4", **made)
    with pytest.raises(IngestError) as caught:
        read("file:a.mp4", tmp_path)
    assert caught.value.code == code


def test_shortcomings_are_told_once(tmp_path: Path) -> None:
    make(tmp_path / "a.mkv", seconds=12, gop=125, profile="main", audio=None)
    _, advice, facts = read("file:a.mkv", tmp_path, seconds=11)
    assert sorted(advice) == ["long_gop", "profile"]
    assert facts.advice == ("no_audio", "profile")


def test_a_file_outside_the_folder_is_not_found(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    make(tmp_path / "secret.mp4", seconds=1)
    (inside / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    for name in ("link.mp4", "none.mp4", "."):
        with pytest.raises(IngestError) as caught:
            read(f"file:{name}", inside)
        assert caught.value.code == "not_found"


@pytest.mark.parametrize("size", [0, 100, 1_000_000])
def test_rubbish_is_not_media(tmp_path: Path, size: int) -> None:
    (tmp_path / "a.mp4").write_bytes(bytes(i * 7 % 251 for i in range(size)))
    with pytest.raises(IngestError) as caught:
        read("file:a.mp4", tmp_path)
    assert caught.value.code == "not_media"


def test_a_damaged_picture_costs_itself_only(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4")
    data = bytearray(path.read_bytes())
    middle = data.index(b"mdat") + 20_000
    data[middle : middle + 300] = bytes(300)
    path.write_bytes(data)
    units, _, _ = read("file:a.mp4", tmp_path)
    assert sum(unit.video for unit in units) > 50


# ---------------------------------------------------------------------------- RTSP


def test_a_real_rtsp_host_is_read(tmp_path: Path) -> None:
    with rtsp_server() as host:
        units, advice, facts = read(host.url)
        pictures, samples = decoded(units)
        assert pictures >= 70
        assert loudest_hz(samples, 48000) == 1000
        assert (facts.width, facts.height, facts.audio, advice) == (320, 240, "aac", [])


def test_a_real_rtsp_host_says_who_may_look() -> None:
    with rtsp_server("--user", "admin:s3cret") as host:
        units, _, _ = read(host.url.replace("//", "//admin:s3cret@"), seconds=0.5)
        assert units
        for wrong, code in (
            (host.url, "denied"),
            (host.url.replace("//", "//admin:wrong@"), "denied"),
        ):
            with pytest.raises(IngestError) as caught:
                read(wrong)
            assert caught.value.code == code
            assert "wrong" not in str(caught.value)


def test_a_real_rtsp_host_with_b_frames_is_refused() -> None:
    with rtsp_server("--b-frames", "2") as host, pytest.raises(IngestError) as caught:
        read(host.url)
    assert caught.value.code == "b_frames"


def test_a_host_that_is_away_or_has_no_such_stream_is_told_apart() -> None:
    with rtsp_server() as host:
        with pytest.raises(IngestError) as caught:
            read(host.url.replace("/main", "/none"))
        assert caught.value.code == "not_found"
        url = host.url
    with pytest.raises(IngestError) as caught:
        read(url)
    assert caught.value.code == "unreachable"


def test_a_host_that_dies_ends_the_reading() -> None:
    with rtsp_server() as host:
        source = Source.open(parse_ingest(host.url))
        try:
            units = source.units(lambda _: None)
            assert len(list(islice(units, 50))) == 50
            host.process.kill()
            with pytest.raises(IngestError) as caught:
                list(units)
            assert caught.value.code in {"ended", "stalled"}
        finally:
            source.close()
