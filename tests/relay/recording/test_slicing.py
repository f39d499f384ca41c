"""A stretch of a file that is being written, judged by what libavformat decodes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.relay.recording.depacketise import VideoConfig
from sync_classroom.relay.recording.segment import Segment
from sync_classroom.relay.recording.slicing import find
from tests.relay.recording.test_isobmff import config, picture
from tests.support.recordings import Item, encoded, finished, items, opus

FPS, EVERY = 25, 250
"""A keyframe in ten seconds, as `take` asks for them."""


def recorded(folder: Path, codec: str, seconds: int, *, audio: bool = True) -> Path:
    """A file as the recorder leaves it while it goes on: a fragment a second, another at each
    keyframe, and the first half of the next one."""
    video = config() if codec == "H264" else VideoConfig("VP8", 320, 240)
    segment = Segment("01-camera-0001", 0, video, audio=audio)
    data = segment.header
    for number in range(seconds * FPS):
        key = number % EVERY == 0
        if key or number % FPS == 13:
            data += segment.cut()
        which = 0 if key else 1 + number % 24  # of 25 coded pictures the first is a keyframe
        coded = picture(which) if codec == "H264" else encoded("VP8")[which]
        segment.picture(number / FPS, coded, key=key)
        if audio:
            for half in range(2):
                segment.sound((number * 2 + half) * 960, opus(number * 2 + half), 960)
    data += segment.cut()
    segment.picture(seconds, picture(0) if codec == "H264" else encoded("VP8")[0], key=False)
    segment.picture(seconds + 0.5, picture(1) if codec == "H264" else encoded("VP8")[1], key=False)
    torn = segment.cut()
    path = folder / segment.info.name
    path.write_bytes(data + torn[: len(torn) // 2])
    return path


def taken(path: Path, from_s: float, to_s: float) -> list[Item]:
    """What the found bytes hold, as another program reads them."""
    found = find(path, from_s, to_s)
    data = path.read_bytes()
    return items(data[: found.header] + data[found.first : found.last])


@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_a_stretch_begins_with_the_keyframe_before_it_and_has_all_of_it(
    tmp_path: Path, codec: str
) -> None:
    path = recorded(tmp_path, codec, 40)
    whole = items(path)
    got = taken(path, 14.3, 27.0)
    pictures = [item for item in got if item.kind == "video"]
    keys = [item.at_s for item in pictures if item.key]
    assert keys == [10.0, 20.0]
    # At most the picture that waited for the keyframe comes before it.
    assert 9.95 <= pictures[0].at_s <= 10.0
    for kind in ("video", "audio"):
        wanted = [i.data for i in whole if i.kind == kind and 10.0 <= i.at_s < 27.0]
        have = [i.data for i in got if i.kind == kind and 10.0 <= i.at_s < 27.0]
        assert have == wanted
    assert max(item.at_s for item in got) < 28.5


@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_what_is_not_written_yet_is_not_there(tmp_path: Path, codec: str) -> None:
    path = recorded(tmp_path, codec, 12)
    found = find(path, 20.0, 30.0)
    got = taken(path, 11.0, 60.0)
    assert found.last <= path.stat().st_size
    assert max(item.at_s for item in got) < 12.0
    assert next(item.key for item in got if item.kind == "video" and item.at_s >= 10.0)
    empty = path.with_name("02-camera-0001" + path.suffix)
    empty.write_bytes(path.read_bytes()[: found.header])
    found = find(empty, 0.0, 10.0)
    assert found.first == found.last == found.header


def test_the_type_says_the_codecs_as_source_buffers_want_them(tmp_path: Path) -> None:
    profile = config().sps[1:4].hex().upper()
    for codec, audio, wanted in (
        ("H264", True, f'video/mp4; codecs="avc1.{profile},opus"'),
        ("H264", False, f'video/mp4; codecs="avc1.{profile}"'),
        ("VP8", True, 'video/webm; codecs="vp8,opus"'),
        ("VP8", False, 'video/webm; codecs="vp8"'),
    ):
        path = recorded(tmp_path, codec, 1, audio=audio)
        assert find(path, 0.0, 1.0).media_type == wanted


def test_a_file_of_sound_alone_needs_no_keyframe(tmp_path: Path) -> None:
    segment = Segment("01-camera-0001", 0, None, audio=True)
    data = segment.header
    for number in range(500):
        segment.sound(number * 960, opus(number), 960)
        if number % 50 == 49:
            data += segment.cut()
    path = tmp_path / segment.info.name
    path.write_bytes(data)
    assert find(path, 4.5, 6.0).media_type == 'audio/mp4; codecs="opus"'
    got = taken(path, 4.5, 6.0)
    assert (got[0].at_s, len(got)) == (4.0, 100)


def test_a_file_that_is_not_in_fragments_is_refused(tmp_path: Path) -> None:
    for name in ("joined.mp4", "joined.webm"):
        with pytest.raises(ValueError, match=r"not an? "):
            find(finished(tmp_path / name, seconds=2), 0.0, 1.0)
    (tmp_path / "rubbish.mp4").write_bytes(b"\xff" * 100)
    (tmp_path / "short.webm").write_bytes(b"\x1a")
    for name in ("rubbish.mp4", "short.webm"):
        with pytest.raises(ValueError, match=r"not an? "):
            find(tmp_path / name, 0.0, 1.0)
