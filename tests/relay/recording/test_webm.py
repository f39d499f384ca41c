"""WebM as another implementation reads it, and cut off."""

from __future__ import annotations

import io

import av
import pytest

from sync_classroom.relay.recording.depacketise import OPUS_SILENCE, VideoConfig
from sync_classroom.relay.recording.webm import AUDIO_ID, VIDEO_ID, Block, cluster, header
from tests.support.recordings import encoded, items

CONFIG = VideoConfig("VP8", 320, 240)


def blocks(start_ms: int) -> list[Block]:
    pictures = encoded("VP8")
    found = [Block(VIDEO_ID, start_ms + 40 * n, pictures[n], n == 0) for n in range(5)]
    return [*found, *(Block(AUDIO_ID, start_ms + 20 * n, OPUS_SILENCE) for n in range(10))]


def test_tracks_and_times_are_read_back() -> None:
    data = header(CONFIG, audio=True) + cluster(blocks(0)) + cluster(blocks(1200))
    with av.open(io.BytesIO(data)) as opened:
        assert "webm" in opened.format.name
        video, audio = opened.streams.video[0], opened.streams.audio[0]
        assert (video.codec_context.name, video.width, video.height) == ("vp8", 320, 240)
        assert (audio.codec_context.name, audio.rate, audio.channels) == ("opus", 48000, 2)
        assert len(list(opened.decode(video=0))) == 10
    pictures = [item for item in items(data) if item.kind == "video"]
    assert [round(item.at_s * 1000) for item in pictures] == [
        *(40 * n for n in range(5)),
        *(1200 + 40 * n for n in range(5)),
    ]
    assert [item.key for item in pictures] == [n % 5 == 0 for n in range(10)]
    assert pictures[3].data == encoded("VP8")[3]


def test_whatever_is_cut_off_the_end_the_whole_clusters_play() -> None:
    start, one, two = header(CONFIG, audio=True), cluster(blocks(0)), cluster(blocks(200))
    for size in (0, 1, 11, 100, len(two) // 2, len(two) - 1):
        with av.open(io.BytesIO(start + one + two[:size])) as opened:
            assert sum(1 for _ in opened.decode(video=0)) >= 5, size


def test_sound_alone() -> None:
    data = header(None, audio=True) + cluster([Block(AUDIO_ID, 0, OPUS_SILENCE)])
    assert [item.kind for item in items(data)] == ["audio"]


def test_a_block_too_far_from_its_cluster_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        cluster([Block(VIDEO_ID, 0, b"x"), Block(VIDEO_ID, 30001, b"x")])
