"""MP4 as another implementation reads it, and cut off at every place."""

from __future__ import annotations

import io

import av

from sync_classroom.relay.recording.depacketise import OPUS_SILENCE, VideoConfig
from sync_classroom.relay.recording.isobmff import Run, Sample, fragment, header
from tests.support.recordings import encoded, items, units


def config() -> VideoConfig:
    first = units(encoded("H264")[0])
    sets = {unit[0] & 0x1F: unit for unit in first}
    return VideoConfig("H264", 320, 240, sets[7], (sets[8],))


def picture(number: int) -> bytes:
    kept = [u for u in units(encoded("H264")[number]) if u[0] & 0x1F not in (7, 8)]
    return b"".join(len(u).to_bytes(4, "big") + u for u in kept)


def file() -> list[bytes]:
    """A header and two fragments; the second begins after a gap of a second."""
    first = Run(0, [Sample(picture(n), 3600, n == 0) for n in range(5)])
    second = Run(18000 + 90000, [Sample(picture(n), 3600, n == 0) for n in range(5)])
    sound = [Sample(OPUS_SILENCE, 960)] * 10
    return [
        header(config(), audio=True),
        fragment(1, first, Run(480, sound)),
        fragment(2, second, Run(480 + 9600, sound)),
    ]


def test_tracks_and_times_are_read_back() -> None:
    data = b"".join(file())
    with av.open(io.BytesIO(data)) as opened:
        video, audio = opened.streams.video[0], opened.streams.audio[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", 320, 240)
        assert (audio.codec_context.name, audio.rate, audio.channels) == ("opus", 48000, 2)
        assert len(list(opened.decode(video=0))) == 10
    found = items(data)
    pictures = [item for item in found if item.kind == "video"]
    assert [round(item.at_s, 3) for item in pictures[:6]] == [0.0, 0.04, 0.08, 0.12, 0.16, 1.2]
    assert [item.key for item in pictures] == [n % 5 == 0 for n in range(10)]
    sounds = [item for item in found if item.kind == "audio"]
    assert [round(item.at_s, 3) for item in sounds] == [
        round(0.01 + 0.02 * n, 3) for n in range(20)
    ]
    assert pictures[0].data == picture(0)


def test_a_file_of_sound_only() -> None:
    data = header(None, audio=True) + fragment(1, None, Run(0, [Sample(OPUS_SILENCE, 960)] * 3))
    assert [item.kind for item in items(data)] == ["audio"] * 3


def test_a_file_of_pictures_only() -> None:
    run = Run(0, [Sample(picture(0), 3600)])
    data = header(config(), audio=False) + fragment(1, run, None)
    assert [item.kind for item in items(data)] == ["video"]


def test_whatever_is_cut_off_the_end_the_whole_fragments_play() -> None:
    start, one, two = file()
    for size in (0, 1, 7, 8, 60, len(two) // 2, len(two) - 1):
        data = start + one + two[:size]
        with av.open(io.BytesIO(data)) as opened:
            count = 0
            try:
                for frame in opened.decode(video=0):
                    count += frame is not None
            except av.InvalidDataError:
                pass
        assert count >= 5, size
