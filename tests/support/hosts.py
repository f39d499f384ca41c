"""What a recording host sends, made here: a picture that flashes and a tone that beeps with it."""

from __future__ import annotations

import math
from array import array
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

RATE = 25
TONE_HZ = 1000
#: In every second: white with a tone for so long, else dark and silent.
FLASH_S = 0.2
DARK, WHITE = 30, 220


def make(
    path: Path,
    *,
    seconds: int = 6,
    video: str | None = "libx264",
    audio: str | None = "aac",
    audio_rate: int = 44100,
    b_frames: int = 0,
    gop: int = RATE,
    profile: str = "baseline",
    delay_s: float = 0.0,
) -> Path:
    """Write a file; `delay_s` lets the sound come so much later than the picture it belongs to."""
    with av.open(str(path), "w") as container:
        pictures = sounds = None
        if video is not None:
            pictures = container.add_stream(video, rate=RATE)
            assert isinstance(pictures, VideoStream)
            pictures.width, pictures.height, pictures.pix_fmt = 320, 180, "yuv420p"
            pictures.codec_context.max_b_frames = b_frames
            pictures.codec_context.gop_size = gop
            if video == "libx264":
                pictures.codec_context.options = {
                    "profile": "main" if b_frames else profile,
                    "preset": "veryfast",
                    "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:b-adapt=0",
                }
        if audio is not None:
            sounds = container.add_stream(audio, rate=audio_rate)
            assert isinstance(sounds, AudioStream)
            sounds.codec_context.layout = "mono"
        for second in range(seconds):
            if isinstance(pictures, VideoStream):
                for index in range(second * RATE, (second + 1) * RATE):
                    container.mux(pictures.encode(_picture(index)))
            if isinstance(sounds, AudioStream):
                container.mux(
                    sounds.encode(tone(second, sounds.codec_context.sample_rate, delay_s))
                )
        for stream in (pictures, sounds):
            if isinstance(stream, VideoStream | AudioStream):
                container.mux(stream.encode(None))
    return path


def _picture(index: int) -> VideoFrame:
    frame = VideoFrame(320, 180, "yuv420p")
    shade = WHITE if index % RATE < FLASH_S * RATE else DARK
    for plane, value in zip(frame.planes, (shade, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    frame.pts, frame.time_base = index, Fraction(1, RATE)
    return frame


def tone(second: int, rate: int, delay_s: float) -> AudioFrame:
    """One second of sound: the beep, `delay_s` after the second begins."""
    samples = array("h")
    for n in range(rate):
        t = n / rate
        on = delay_s <= t < delay_s + FLASH_S
        samples.append(int(12000 * math.sin(2 * math.pi * TONE_HZ * t)) if on else 0)
    frame = AudioFrame(format="s16", layout="mono", samples=rate)
    frame.planes[0].update(samples.tobytes())
    frame.sample_rate, frame.pts, frame.time_base = rate, second * rate, Fraction(1, rate)
    return frame


def loudest_hz(samples: list[int], rate: int) -> int:
    """The frequency that stands out among multiples of 100 Hz (a Goertzel filter for each)."""
    best, found = -1.0, 0
    for hz in range(300, 3100, 100):
        step = 2 * math.cos(2 * math.pi * hz / rate)
        one = two = 0.0
        for value in samples:
            one, two = value + step * one - two, one
        power = one * one + two * two - step * one * two
        if power > best:
            best, found = power, hz
    return found
