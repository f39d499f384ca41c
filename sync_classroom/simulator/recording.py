"""The lesson a virtual host gives: a real H.264 + Opus file, made once or brought along.

The picture is a teacher's slide: seven-segment clock, page number, lines of text as bars, a pointer
that moves. The sound is a voice-like tone in syllables. Frames are cut into RTP payloads once at
load; playing them costs next to nothing.
"""

from __future__ import annotations

import asyncio
import math
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.opus import OpusEncoder
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..domain.problems import ProblemError
from .client import Publisher

AUDIO_RATE: Final = 48000
AUDIO_FRAME: Final = 960  # 20 ms, what browsers send
VIDEO_RATE: Final = 90000
#: A joiner waits for a keyframe at most this long; a recording cannot make one when asked.
MAX_KEYFRAME_GAP_S: Final = 5.0
PAGE_S: Final = 10
#: Longest part of a brought file that is used; it is played again from the start after that.
MAX_RECORDING_S: Final = 3600.0

Y_PAPER, Y_INK, Y_BAND, Y_POINTER = 235, 40, 90, 150
_SEGMENTS: Final = {  # a b c d e f g of a seven-segment digit
    "0": "abcdef", "1": "bc", "2": "abdeg", "3": "abcdg", "4": "bcfg",
    "5": "acdfg", "6": "acdefg", "7": "abc", "8": "abcdefg", "9": "abcdfg",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unit:
    """One frame ready to send: `at_s` from the start, RTP `timestamp` in its own clock."""

    video: bool
    at_s: float
    timestamp: int
    payloads: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """A whole recording in memory, ordered by time."""

    units: tuple[Unit, ...]
    duration_s: float
    width: int
    height: int
    bitrate_kbps: float


# ---------------------------------------------------------------------------- making


class _Plane:
    """The luma plane of a picture as rectangles."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.data = bytearray([Y_PAPER]) * (width * height)

    def rectangle(self, x: int, y: int, w: int, h: int, luma: int) -> None:
        """Fill, clipped to the picture."""
        x0, x1 = max(0, x), min(self.width, x + w)
        if x1 <= x0:
            return
        row = bytes([luma]) * (x1 - x0)
        for line in range(max(0, y), min(self.height, y + h)):
            start = line * self.width
            self.data[start + x0 : start + x1] = row

    def digit(self, x: int, y: int, size: int, value: str, luma: int) -> None:
        """A seven-segment digit `size` wide and twice as high."""
        bar = max(2, size // 6)
        places = {
            "a": (x, y, size, bar),
            "b": (x + size - bar, y, bar, size),
            "c": (x + size - bar, y + size, bar, size),
            "d": (x, y + 2 * size - bar, size, bar),
            "e": (x, y + size, bar, size),
            "f": (x, y, bar, size),
            "g": (x, y + size - bar // 2, size, bar),
        }
        for segment in _SEGMENTS[value]:
            self.rectangle(*places[segment], luma)


def _slide(width: int, height: int, at_s: float) -> bytes:
    """The luma plane of the slide at `at_s` seconds."""
    plane = _Plane(width, height)
    unit = height // 36
    page = int(at_s // PAGE_S) % 100
    plane.rectangle(0, 0, width, 5 * unit, Y_BAND)
    for index, value in enumerate(f"{page + 1:02d}"):
        plane.digit(width - (7 - 3 * index) * unit, unit, int(1.5 * unit), value, Y_PAPER)
    for line in range(6):
        length = (37 + 11 * ((line * 7 + page * 3) % 5)) * width // 110
        plane.rectangle(2 * unit, (8 + 3 * line) * unit, length, unit, Y_INK)
    minutes, seconds = divmod(int(at_s), 60)
    x = 2 * unit
    for index, value in enumerate(f"{minutes % 100:02d}{seconds:02d}"):
        plane.digit(x, 28 * unit, 3 * unit, value, Y_INK)
        x += 4 * unit + (2 * unit if index == 1 else 0)
    swing = (1 - math.cos(at_s * 2 * math.pi / 7)) / 2
    plane.rectangle(int(swing * (width - 4 * unit)), 26 * unit, 2 * unit, unit, Y_POINTER)
    return bytes(plane.data)


def _voice(seconds: int) -> array[int]:
    """Mono 16-bit samples of a voice-like tone: harmonics of 140 Hz in four syllables a second."""
    one_second = array("h")
    for n in range(AUDIO_RATE):
        t = n / AUDIO_RATE
        envelope = max(0.0, math.sin(2 * math.pi * 4 * t)) ** 2
        tone = sum(math.sin(2 * math.pi * 140 * k * t) / k for k in (1, 2, 3, 5))
        one_second.append(int(5000 * envelope * tone))
    return one_second * seconds


def _video_frames(width: int, height: int, fps: int, seconds: int) -> Iterator[VideoFrame]:
    chroma = bytes([128]) * (width * height // 2)
    for index in range(fps * seconds):
        frame = VideoFrame(width, height, "yuv420p")
        picture = _slide(width, height, index / fps) + chroma
        offset = 0
        for plane in frame.planes:
            rows = plane.height
            line, stride = plane.width, plane.line_size
            data = picture[offset : offset + rows * line]
            if stride != line:
                padded = bytearray(stride * rows)
                for row in range(rows):
                    padded[row * stride : row * stride + line] = data[row * line : (row + 1) * line]
                data = bytes(padded)
            plane.update(data)
            offset += rows * line
        frame.pts = index
        frame.time_base = Fraction(1, fps)
        yield frame


def make_recording(
    path: Path,
    *,
    seconds: int = 60,
    width: int = 1280,
    height: int = 720,
    fps: int = 25,
    bitrate_kbps: int = 600,
) -> None:
    """Write the lesson file: H.264 constrained baseline without B frames, a keyframe every 2 s.

    Takes some seconds of CPU; call it in a thread. The file appears whole or not at all.
    """
    if width % 2 or height % 2:
        raise ValueError(f"{width}×{height}: a 4:2:0 picture has even width and height")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.mkv")
    with av.open(str(partial), "w", format="matroska") as container:
        video = container.add_stream("libx264", rate=fps)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.bit_rate = bitrate_kbps * 1000
        video.codec_context.options = {
            "profile": "baseline", "preset": "veryfast", "tune": "zerolatency",
            "x264-params": f"keyint={2 * fps}:min-keyint={2 * fps}:scenecut=0:"
            f"nal-hrd=cbr:vbv-maxrate={bitrate_kbps}:vbv-bufsize={bitrate_kbps}:force-cfr=1",
            "maxrate": f"{bitrate_kbps}k", "minrate": f"{bitrate_kbps}k",
        }  # fmt: skip
        audio = container.add_stream("libopus", rate=AUDIO_RATE)
        assert isinstance(audio, AudioStream)
        audio.codec_context.layout = "mono"
        audio.codec_context.format = "s16"
        audio.bit_rate = 32000
        for frame in _video_frames(width, height, fps, seconds):
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = _voice(seconds)
        for start in range(0, len(samples), AUDIO_FRAME):
            chunk = samples[start : start + AUDIO_FRAME]
            sound = AudioFrame(format="s16", layout="mono", samples=len(chunk))
            sound.planes[0].update(chunk.tobytes())
            sound.sample_rate, sound.pts = AUDIO_RATE, start
            sound.time_base = Fraction(1, AUDIO_RATE)
            container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
    partial.replace(path)


# ---------------------------------------------------------------------------- loading


def _unsuitable(path: Path, zh: str, en: str) -> ProblemError:
    remedy = (
        f"ffmpeg -i {path} -c:v libx264 -profile:v baseline -bf 0 -g 50 -c:a libopus -ar 48000"
        " lesson.mkv"
    )
    return ProblemError(
        "recording_unsuitable",
        f"录像 {path} 不能直接播放：{zh}。可以这样转换：{remedy}",
        f"The recording {path} cannot be played as it is: {en}. This converts it: {remedy}",
        field="lesson",
        value=str(path),
    )


def load_recording(path: Path) -> Recording:
    """Read and packetise a file; ProblemError says why it is unsuitable and how to convert it."""
    try:
        container = av.open(str(path))
    except (OSError, av.FFmpegError) as error:
        raise ProblemError(
            "recording_unreadable",
            f"无法读取录像 {path}：{error}。请检查路径和文件格式。",
            f"Cannot read the recording {path}: {error}. Check the path and the format.",
            field="lesson",
            value=str(path),
        ) from error
    with container:
        if not container.streams.video:
            raise _unsuitable(path, "没有视频", "it has no video stream")
        stream = container.streams.video[0]
        context = stream.codec_context
        if context.name != "h264":
            raise _unsuitable(path, f"视频是 {context.name}，不是 H.264",
                              f"its video is {context.name}, not H.264")  # fmt: skip
        if context.has_b_frames:
            raise _unsuitable(path, "视频含 B 帧", "its video has B frames")
        width, height = context.width, context.height
        video, last_keyframe_gap = _load_video(container, stream)
        if last_keyframe_gap > MAX_KEYFRAME_GAP_S:
            raise _unsuitable(
                path,
                f"关键帧间隔 {last_keyframe_gap:.0f} 秒，超过 {MAX_KEYFRAME_GAP_S:.0f} 秒",
                f"{last_keyframe_gap:.0f} s between keyframes,"
                f" more than {MAX_KEYFRAME_GAP_S:.0f} s",
            )
        audio: list[Unit] = []
        if container.streams.audio:
            container.seek(0)
            audio = list(_load_audio(container, container.streams.audio[0]))
    units = sorted([*video, *audio], key=lambda u: u.at_s)
    if not video:
        raise _unsuitable(path, "视频是空的", "its video is empty")
    frame_s = (video[-1].at_s - video[0].at_s) / max(1, len(video) - 1)
    duration_s = video[-1].at_s + frame_s
    units = [u for u in units if u.at_s < duration_s]
    size = sum(len(p) for u in units for p in u.payloads)
    return Recording(tuple(units), duration_s, width, height, size * 8 / duration_s / 1000)


def _load_video(
    container: av.container.InputContainer, stream: VideoStream
) -> tuple[list[Unit], float]:
    """Video units, and the longest time between keyframes in seconds."""
    annexb = BitStreamFilterContext("h264_mp4toannexb", stream)
    packer = H264Encoder()
    units: list[Unit] = []
    last_keyframe, gap, start = 0.0, 0.0, None
    for packet in container.demux(stream):
        for filtered in annexb.filter(packet if packet.size else None):
            if filtered.pts is None or filtered.time_base is None:
                continue
            at = float(filtered.pts * filtered.time_base)
            start = at if start is None else start
            at -= start
            if at > MAX_RECORDING_S:
                return units, gap
            if filtered.is_keyframe:
                gap, last_keyframe = max(gap, at - last_keyframe), at
            payloads, _ = packer.pack(filtered)
            units.append(Unit(True, at, round(at * VIDEO_RATE), tuple(payloads)))
    return units, max(gap, units[-1].at_s - last_keyframe if units else 0.0)


def _load_audio(container: av.container.InputContainer, stream: AudioStream) -> Iterator[Unit]:
    """Audio units of 20 ms; anything but Opus is encoded to Opus here, once."""
    encoder = OpusEncoder()
    resampler = AudioResampler(
        format="s16", layout="stereo", rate=AUDIO_RATE, frame_size=AUDIO_FRAME
    )
    number = 0
    for frame in container.decode(stream):
        for sound in resampler.resample(frame):
            if sound.samples < AUDIO_FRAME:
                continue
            sound.pts = number * AUDIO_FRAME
            sound.time_base = Fraction(1, AUDIO_RATE)
            payloads, _ = encoder.encode(sound)
            at = number * AUDIO_FRAME / AUDIO_RATE
            if at > MAX_RECORDING_S:
                return
            yield Unit(False, at, number * AUDIO_FRAME, tuple(payloads))
            number += 1


# ---------------------------------------------------------------------------- playing


async def play(recording: Recording, publisher: Publisher, *, loops: int | None = None) -> None:
    """Send in real time, again and again, with timestamps that never jump back.

    A late wake-up is caught up at once, as a real encoder's queue would be.
    """
    started = time.monotonic()
    loop = 0
    while loops is None or loop < loops:
        base_s = loop * recording.duration_s
        video_base = round(base_s * VIDEO_RATE)
        audio_base = round(base_s * AUDIO_RATE / AUDIO_FRAME) * AUDIO_FRAME
        for unit in recording.units:
            delay = started + base_s + unit.at_s - time.monotonic()
            if delay > 0.001:
                await asyncio.sleep(delay)
            stream = publisher.video if unit.video else publisher.audio
            if stream is not None:
                base = video_base if unit.video else audio_base
                publisher.send(stream, unit.payloads, unit.timestamp + base, marker_last=unit.video)
        loop += 1


def make_material(recording: Path, path: Path) -> None:
    """The recording as an MP4 that browsers play, for the resource library; nothing is encoded."""
    partial = path.with_suffix(".partial.mp4")
    with av.open(str(recording)) as source, av.open(str(partial), "w", format="mp4") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    partial.replace(path)
