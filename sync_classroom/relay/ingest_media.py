"""A recording host's stream read by FFmpeg (PyAV): H.264 as it is, sound as Opus.

Everything here blocks and runs in a thread of the ingest process; a defect in a demuxer costs that
process and nothing else.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from ..domain.ingest import IngestError, IngestKind, IngestSource
from .ingest_h264 import Repacker

OPEN_S: Final = 8.0
"""A host that has not answered by then is not there; FFmpeg also needs a keyframe to know what it
is looking at."""
READ_S: Final = 5.0
"""No packet for so long is a stalled stream: it is opened anew."""
KEYFRAME_S: Final = 20.0
"""Media time without a keyframe, after which there is no picture to be had."""
LONG_GOP_S: Final = 4.0
MAX_DAMAGED: Final = 100
"""Damaged packets in a row, after which it is not what its header said."""
AUDIO_RATE: Final = 48000
AUDIO_FRAME: Final = 960
AUDIO_BPS: Final = 64000
GAP_S: Final = 0.06
"""Sound whose time stamps are off by more than three Opus frames begins anew where they say."""
VIDEO_BASE: Final = Fraction(1, 90000)
AUDIO_BASE: Final = Fraction(1, AUDIO_RATE)
_PROBE: Final = {"analyzeduration": "1000000", "probesize": "2000000"}
_LIVE: Final = {"fflags": "nobuffer", **_PROBE}
_OPTIONS: Final[dict[IngestKind, dict[str, str]]] = {
    # TCP: a lost datagram would be a damaged picture in every classroom.
    IngestKind.RTSP: {"rtsp_transport": "tcp", **_LIVE},
    IngestKind.RTMP: {"rtmp_live": "live", **_LIVE},
    IngestKind.PUSH: _LIVE,
    IngestKind.FILE: _PROBE,
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A picture or 20 ms of sound, ready for RTP; `at_s` is its media time in seconds."""

    video: bool
    at_s: float
    packet: Packet[Any]
    key: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What a source is, for people; `advice` are codes of `domain.ingest.ADVICE`."""

    width: int
    height: int
    audio: str | None
    advice: tuple[str, ...]


class Source:
    """An open source. `open` it, take `units`, `close` it; all of them block, and raise
    `IngestError` for what people can put right. `advise` is told once of each later shortcoming.
    """

    def __init__(
        self, container: InputContainer, kind: IngestKind, pushed: _Pushed | None = None
    ) -> None:
        self._container = container
        self._kind = kind
        self._pushed = pushed
        videos = container.streams.video
        if not videos:
            raise IngestError("no_video")
        self._video = videos[0]
        if self._video.codec_context.name != "h264":
            raise IngestError("video_codec")
        audios = [s for s in container.streams.audio if _decodable(s)]
        self._audio = audios[0] if audios else None
        self._repacker = Repacker(self._video.codec_context.extradata or b"")
        self._offset_s = 0.0
        self._first_s: float | None = None
        self._last_key_s: float | None = None
        self._advised: set[str] = set()

    @classmethod
    def open(
        cls, source: IngestSource, *, folder: Path | None = None, at: str | None = None
    ) -> Source:
        """Open a source: a file below `folder`; `at` is where a push can be read instead."""
        kind = source.kind
        where: Any = source.url
        if kind is IngestKind.FILE:
            where = str(_inside(folder, source.name))
        elif kind is IngestKind.PUSH:
            where = _pushed(at)
        try:
            container = av.open(
                where,
                format="flv" if kind is IngestKind.PUSH else None,
                options=dict(_OPTIONS[kind]),
                timeout=(OPEN_S, READ_S),
            )
        except (OSError, FFmpegError, ValueError) as error:
            if kind is IngestKind.PUSH:
                where.close()
                raise IngestError("waiting") from None
            raise IngestError(_reason(error)) from None  # the error's text holds the password
        try:
            return cls(container, kind, where if isinstance(where, _Pushed) else None)
        except BaseException:
            container.close()
            if isinstance(where, _Pushed):
                where.close()
            raise

    def close(self) -> None:
        """Let the host go."""
        self._container.close()
        if self._pushed is not None:
            self._pushed.close()

    @property
    def facts(self) -> Facts:
        """What is known of it before any picture came."""
        context = self._video.codec_context
        advice = []
        if self._audio is None:
            advice.append("audio_codec" if self._container.streams.audio else "no_audio")
        if self._repacker.baseline is False:
            advice.append("profile")
        audio = None if self._audio is None else self._audio.codec_context.name
        return Facts(context.width, context.height, audio, tuple(advice))

    def units(self, advise: Callable[[str], None]) -> Iterator[Unit]:
        """Pictures and sound in the order they came, from a keyframe on; a file for ever."""
        voice = None if self._audio is None else _Voice(self._audio.codec_context)
        streams = [s for s in (self._video, self._audio) if s is not None]
        while True:
            last = self._offset_s
            damaged = 0
            try:
                for packet in self._container.demux(*streams):
                    if packet.pts is None or packet.size == 0:
                        continue
                    try:
                        if packet.stream is self._video:
                            units = self._picture(packet, advise)
                        elif voice is not None and self._last_key_s is not None:
                            units = voice.take(packet, self._offset_s)
                        else:
                            units = []
                    except (ValueError, FFmpegError):
                        damaged += 1
                        if damaged > MAX_DAMAGED:
                            raise IngestError("not_media") from None
                        continue
                    damaged = 0
                    for unit in units:
                        last = max(last, unit.at_s)
                        yield unit
            except (OSError, FFmpegError) as error:
                raise IngestError(_reason(error, "stalled")) from None
            if self._last_key_s is None:
                raise IngestError("no_keyframe")
            if self._kind is not IngestKind.FILE:
                raise IngestError("ended")
            self._rewind(last)

    def _rewind(self, last: float) -> None:
        """Begin a file again, a frame after where it ended."""
        self._offset_s = last + 0.04
        try:
            self._container.seek(0)
        except (OSError, FFmpegError):
            raise IngestError("not_media") from None

    def _picture(self, packet: Any, advise: Callable[[str], None]) -> list[Unit]:
        picture = self._repacker.take(bytes(packet))
        at_s = float(packet.pts * packet.time_base) + self._offset_s
        if picture is None:
            return []
        if picture.b:
            raise IngestError("b_frames")
        if picture.key:
            if self._last_key_s is not None and at_s - self._last_key_s > LONG_GOP_S:
                self._advise("long_gop", advise)
            if self._repacker.baseline is False:
                self._advise("profile", advise)
            self._last_key_s = at_s
        elif self._last_key_s is None:
            self._first_s = at_s if self._first_s is None else self._first_s
            if at_s - self._first_s > KEYFRAME_S:
                raise IngestError("no_keyframe")
            return []
        made = Packet(picture.data)
        made.pts, made.time_base = round(at_s / VIDEO_BASE), VIDEO_BASE
        return [Unit(True, at_s, made, picture.key)]

    def _advise(self, code: str, advise: Callable[[str], None]) -> None:
        if code not in self._advised:
            self._advised.add(code)
            advise(code)


class _Voice:
    """Sound of any codec FFmpeg decodes as 20 ms of Opus; Opus passes as it is."""

    def __init__(self, context: Any) -> None:
        self._passes = context.name == "opus" and context.sample_rate == AUDIO_RATE
        self._layout = "mono" if context.layout.nb_channels == 1 else "stereo"
        self._encoder: AudioCodecContext
        self._resampler: AudioResampler
        self._expected_s: float | None = None

    def take(self, packet: Any, offset_s: float) -> list[Unit]:
        """The units that this packet completes; raises FFmpegError if it is damaged."""
        if self._passes:
            at_s = float(packet.pts * packet.time_base) + offset_s
            return [self._unit(bytes(packet), at_s)]
        units = []
        for frame in packet.decode():
            if frame.pts is None or not frame.samples:
                continue
            at_s = float(frame.pts * frame.time_base) + offset_s
            if self._expected_s is None or abs(at_s - self._expected_s) > GAP_S:
                self._begin()
                self._expected_s = at_s
            frame.pts = round(self._expected_s * frame.sample_rate)
            frame.time_base = Fraction(1, frame.sample_rate)
            # Small differences are rounding of the container's, and would add up if followed.
            self._expected_s += frame.samples / frame.sample_rate
            units += self._encode(frame)
        return units

    def _begin(self) -> None:
        self._resampler = AudioResampler(
            format="s16", layout=self._layout, rate=AUDIO_RATE, frame_size=AUDIO_FRAME
        )
        encoder = av.CodecContext.create("libopus", "w")
        assert isinstance(encoder, AudioCodecContext)
        encoder.sample_rate, encoder.layout, encoder.format = AUDIO_RATE, self._layout, "s16"
        encoder.time_base, encoder.bit_rate = AUDIO_BASE, AUDIO_BPS
        encoder.options = {"application": "audio", "frame_duration": "20"}
        self._encoder = encoder

    def _encode(self, frame: AudioFrame) -> list[Unit]:
        return [
            self._unit(bytes(packet), float(packet.pts * packet.time_base))
            for piece in self._resampler.resample(frame)
            for packet in self._encoder.encode(piece)
            if packet.pts is not None and packet.time_base is not None
        ]

    def _unit(self, data: bytes, at_s: float) -> Unit:
        made = Packet(data)
        made.pts, made.time_base = round(at_s * AUDIO_RATE), AUDIO_BASE
        return Unit(False, at_s, made)


def _decodable(stream: Any) -> bool:
    """Whether FFmpeg knows the codec and the stream says enough of itself to be decoded."""
    try:
        context = stream.codec_context
        return bool(context is not None and context.sample_rate and context.layout.nb_channels)
    except (AttributeError, ValueError, FFmpegError):
        return False


class _Pushed:
    """As much of a file as PyAV reads: blocking, for `READ_S` at most."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.settimeout(READ_S)

    def read(self, size: int) -> bytes:
        """Bytes, or none at the end, which a silent stream is too."""
        try:
            return self._socket.recv(size)
        except OSError:
            return b""

    def close(self) -> None:
        """Let the RTMP port go."""
        self._socket.close()


def _pushed(at: str | None) -> _Pushed:
    """The FLV stream that the RTMP port hands on at the Unix socket `at`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(READ_S)
        try:
            connection.connect(at or "")
        except OSError:
            raise IngestError("waiting") from None
        return _Pushed(connection.detach())


def _inside(folder: Path | None, name: str) -> Path:
    """A file below the folder, also after its links were followed."""
    if folder is None:
        raise IngestError("not_found")
    root = folder.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise IngestError("not_found")
    return path


_BY_ERROR: Final = (
    (av.error.HTTPUnauthorizedError, "denied"),
    (av.error.HTTPForbiddenError, "denied"),
    (PermissionError, "denied"),
    (av.error.HTTPNotFoundError, "not_found"),
    (FileNotFoundError, "not_found"),
    (av.error.InvalidDataError, "not_media"),
    (av.error.EOFError, "ended"),
)


def _reason(error: Exception, otherwise: str = "unreachable") -> str:
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), otherwise)
