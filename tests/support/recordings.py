"""Sources for recordings: real H.264 and VP8 pictures cut into RTP, and Opus, with known contents.

Every picture and sound carries its capture time in its bytes, so that what a file holds can be
compared with what was sent without trusting any clock of ours.
"""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import VpxPayloadDescriptor
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from sync_classroom.relay.codecs import is_keyframe_part
from sync_classroom.relay.recording.segment import SegmentInfo
from sync_classroom.relay.rtp import Packet
from sync_classroom.relay.session import Codec

H264 = Codec("H264", 102, 90000, None, {"packetization-mode": "1"})
VP8 = Codec("VP8", 96, 90000)
OPUS = Codec("opus", 111, 48000, 2)
MTU = 1100


@cache
def encoded(
    codec: str, width: int = 320, height: int = 240, count: int = 50, every: int = 25, fps: int = 25
) -> tuple[bytes, ...]:
    """`count` coded pictures of grain that grows brighter, a keyframe each `every`.

    H.264 as Annex B.
    """
    name = {"H264": "libx264", "VP8": "libvpx"}[codec]
    encoder = av.VideoCodecContext.create(name, "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, fps)
    encoder.bit_rate = 300_000
    encoder.gop_size = every
    keys = f"keyint={every}:min-keyint={every}:scenecut=0"
    if codec == "H264":
        encoder.options = {"profile": "baseline", "preset": "ultrafast", "tune": "zerolatency",
                           "x264-params": keys}  # fmt: skip
    else:
        encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0",
                           "kf-max-dist": str(every), "kf-min-dist": str(every)}  # fmt: skip
    out: list[bytes] = []
    for number in range(count):
        frame = VideoFrame(width, height, "yuv420p")
        luma, *chroma = frame.planes
        shades = bytes(16 + value % 64 + number * 2 % 128 for value in range(256))
        luma.update(random.Random(7).randbytes(luma.buffer_size).translate(shades))
        for plane in chroma:
            plane.update(bytes([128]) * plane.buffer_size)
        frame.pts, frame.time_base = number, Fraction(1, fps)
        out += [bytes(packet) for packet in encoder.encode(frame)]
    out += [bytes(packet) for packet in encoder.encode(None)]
    assert len(out) == count
    return tuple(out)


def units(picture: bytes) -> list[bytes]:
    """The NAL units of an Annex B picture."""
    return list(H264Encoder._split_bitstream(picture))


def payloads(codec: str, picture: bytes, number: int = 0) -> list[bytes]:
    """RTP payloads of one coded picture, as aiortc and browsers cut them."""
    if codec == "H264":
        return list(H264Encoder._packetize(units(picture)))
    found = []
    for start in range(0, len(picture), MTU):
        head = VpxPayloadDescriptor(1 if start == 0 else 0, 0, picture_id=number & 0x7FFF)
        found.append(bytes(head) + picture[start : start + MTU])
    return found


def stamped(picture: bytes, number: int) -> bytes:
    """An H.264 picture with its number in an SEI unit of user data in front."""
    body = bytes(16) + struct.pack(">I", number | 0x80808080)  # no emulation of start codes
    marked = b"".join(b"\xa5" if byte == 0 else bytes([byte]) for byte in body)
    return b"\0\0\0\1" + bytes([6, 5, len(marked)]) + marked + b"\x80" + picture


@dataclass
class Source:
    """Makes packets of one track. Timestamps and numbers begin where they like."""

    codec: Codec
    sequence: int = 65500
    timestamp: int = 0xFFFFFF00

    def picture(
        self, picture: bytes, at_s: float, arrival_s: float, number: int = 0
    ) -> list[Packet]:
        """The packets of a picture captured `at_s` after the track's start."""
        parts = payloads(self.codec.name, picture, number)
        return [
            self._packet(part, at_s, arrival_s, marker=part is parts[-1], video=True)
            for part in parts
        ]

    def sound(self, payload: bytes, at_s: float, arrival_s: float) -> Packet:
        """One Opus packet."""
        return self._packet(payload, at_s, arrival_s, marker=False, video=False)

    def _packet(
        self, payload: bytes, at_s: float, arrival_s: float, *, marker: bool, video: bool
    ) -> Packet:
        self.sequence += 1
        ticks = (self.timestamp + round(at_s * self.codec.clock_rate)) & 0xFFFFFFFF
        keyframe = video and is_keyframe_part(self.codec.name, payload)
        return Packet(self.sequence, ticks, marker, payload, arrival_s=arrival_s, keyframe=keyframe)


def opus(number: int) -> bytes:
    """A 20 ms packet that carries a number; its decoder hears next to nothing."""
    return b"\xf8" + struct.pack(">I", number) + bytes(8)


def opus_number(payload: bytes) -> int | None:
    """The number in it, or None for silence that was put in."""
    return struct.unpack(">I", payload[1:5])[0] if len(payload) == 13 else None


@dataclass
class MemorySink:
    """Files in memory; `full` makes every write fail."""

    files: dict[str, bytearray] = field(default_factory=dict)
    infos: list[SegmentInfo] = field(default_factory=list)
    full: bool = False
    closed: int = 0

    def open(self, info: SegmentInfo) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.files[info.name] = bytearray()
        self.infos.append(info)

    def write(self, data: bytes) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.files[self.infos[-1].name] += data

    def close(self) -> None:
        self.closed += 1


@dataclass(frozen=True)
class Item:
    """One packet of a file: seconds from its start."""

    kind: str
    at_s: float
    duration_s: float
    data: bytes
    key: bool


def items(path: Path | bytes) -> list[Item]:
    """Every packet of a file as libavformat reads it, which is not the code that wrote it."""
    with av.open(io.BytesIO(path) if isinstance(path, bytes | bytearray) else str(path)) as file:
        return [
            Item(
                packet.stream.type,
                float(packet.pts * packet.time_base),
                float((packet.duration or 0) * packet.time_base),
                bytes(packet),
                bool(packet.is_keyframe),
            )
            for packet in file.demux()
            if packet.pts is not None and packet.time_base is not None and packet.size
        ]


def decoded(path: Path) -> Iterator[tuple[float, VideoFrame]]:
    """Every picture of a file, decoded: seconds from its start, and the picture."""
    with av.open(str(path)) as file:
        for frame in file.decode(video=0):
            assert frame.time is not None
            yield frame.time, frame


def finished(path: Path, *, seconds: int) -> Path:
    """A finished recording as `finishing` leaves them: H.264 with a keyframe each second, and
    Opus; WebM with VP8 if the name says so."""
    webm = path.suffix == ".webm"
    with av.open(str(path), "w", options={} if webm else {"movflags": "+faststart"}) as file:
        video = file.add_stream("libvpx" if webm else "libx264", rate=25)
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        video.gop_size, video.bit_rate = 25, 300_000
        video.options = (
            {"deadline": "realtime", "cpu-used": "8", "kf-max-dist": "25", "kf-min-dist": "25"}
            if webm
            else {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline",
                  "x264-params": "keyint=25:min-keyint=25:scenecut=0"}
        )  # fmt: skip
        audio = file.add_stream("libopus", rate=48000)
        audio.layout = "mono"
        for number in range(seconds * 25):
            frame = VideoFrame(320, 240, "yuv420p")
            for plane in frame.planes:
                shade = (40 + number % 25 * 4 + number // 25) % 256
                plane.update(bytes([shade]) * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            file.mux(video.encode(frame))
            sound = AudioFrame("s16", "mono", 1920)
            sound.planes[0].update(bytes(sound.planes[0].buffer_size))
            sound.pts, sound.sample_rate = number * 1920, 48000
            sound.time_base = Fraction(1, 48000)
            file.mux(audio.encode(sound))
        file.mux(video.encode(None))
        file.mux(audio.encode(None))
    return path
