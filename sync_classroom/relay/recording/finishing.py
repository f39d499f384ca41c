"""Joins what was recorded of each source into one file to watch and take away; nothing is encoded.

    python -m sync_classroom.relay.recording.finishing FOLDER MIN_FREE_BYTES

Runs in a process of its own, ends with the one that started it, and may be killed at any moment:
until the manifest says `saved`, what was recorded is untouched, and it is begun again.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from .child import NICE, end_with_parent, sha256_of, whole_packets
from .depacketise import OPUS_FRAME, OPUS_RATE, OPUS_SILENCE
from .isobmff import VIDEO_RATE
from .library import Manifest, SourceFiles, State, read_manifest, write_manifest

THUMBNAILS: Final = (0.1, 0.5, 0.9)
THUMBNAIL_WIDTH: Final = 320
_GAP_S: Final = 0.1
"""Between two files: less is the length of a picture."""
_AUDIO_BASE: Final = Fraction(1, OPUS_RATE)
_VIDEO_BASE: Final = Fraction(1, VIDEO_RATE)


class NoRoomError(OSError):
    """Joining needs as much again as was recorded."""


@dataclass(slots=True)
class Part:
    """A recorded file that has something in it."""

    path: Path
    segment: dict[str, Any]
    video: bool = False
    audio: bool = False
    extradata: bytes = b""
    end_s: float = 0.0


@dataclass(slots=True)
class Joined:
    """A file that is being written."""

    parts: list[Part] = field(default_factory=list)
    gaps: list[tuple[str, float, float]] = field(default_factory=list)


def finish(folder: Path, min_free_bytes: int) -> None:
    """Join everything that is not joined yet, and say in the manifest that it is saved.

    Raises OSError, ValueError or av.FFmpegError; nothing that was recorded is lost then.
    """
    manifest = read_manifest(folder)
    if manifest.state is not State.FINISHING:
        return
    waste: list[Path] = []
    for source in manifest.sources:
        waste += _finish_source(folder, source, min_free_bytes)
    manifest.move(State.SAVED)
    write_manifest(folder, manifest)
    for path in waste:
        path.unlink(missing_ok=True)
    _sweep(folder, manifest)


def _finish_source(folder: Path, source: SourceFiles, min_free_bytes: int) -> list[Path]:
    """Join one source's files; those that are no longer needed."""
    names = [segment for segment in source.segments[source.joined :] if segment]
    parts = [part for segment in names if (part := _examine(folder, segment)) is not None]
    for group in _groups(parts):
        number = len(source.files) + 1
        path = folder / f"{source.stem}-{number}.{group[0].segment['container']}"
        _check_room(group, folder, min_free_bytes)
        partial = path.with_name(path.name + ".part")
        _join(group, partial)
        _check(group, partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
        source.files.append(_describe(path, group))
        source.thumbnails += _thumbnails(path, f"{source.stem}-{number}")
    source.joined = len(source.segments)
    return [folder / segment["name"] for segment in names]


def _sweep(folder: Path, manifest: Manifest) -> None:
    """What a killed process left half done."""
    for path in folder.glob("*.part"):
        path.unlink(missing_ok=True)
    for source in manifest.sources:
        for segment in source.segments:
            if segment:
                (folder / segment["name"]).unlink(missing_ok=True)


# ---------------------------------------------------------------------------- what there is


def _examine(folder: Path, segment: dict[str, Any]) -> Part | None:
    """What a file really holds, noted in its entry; None if that is nothing."""
    path = folder / segment["name"]
    part = Part(path, segment)
    try:
        with av.open(str(path)) as container:
            if container.streams.video:
                part.extradata = container.streams.video[0].codec_context.extradata or b""
            for packet in whole_packets(container):
                part.video |= packet.stream.type == "video"
                part.audio |= packet.stream.type == "audio"
                assert packet.pts is not None
                assert packet.time_base is not None
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                part.end_s = max(part.end_s, float(end))
    except (FileNotFoundError, av.InvalidDataError, EOFError):
        return None
    segment["duration_s"] = round(part.end_s, 3)
    segment["bytes"] = path.stat().st_size
    return part if part.video or part.audio else None


def _groups(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Files that can be one: MP4 and WebM do not mix."""
    group: list[Part] = []
    for part in parts:
        if group and group[-1].segment["container"] != part.segment["container"]:
            yield group
            group = []
        group.append(part)
    if group:
        yield group


def _check_room(group: Sequence[Part], folder: Path, min_free_bytes: int) -> None:
    need = sum(part.path.stat().st_size for part in group)
    free = shutil.disk_usage(folder).free
    if free < need + min_free_bytes:
        raise NoRoomError(f"joining takes {need} bytes, and only {free} are free")


# ---------------------------------------------------------------------------- joining


class _Joiner:
    """Writes packets of several files behind each other, at their times."""

    def __init__(self, output: OutputContainer, group: Sequence[Part]) -> None:
        self._output = output
        self._first_s = group[0].segment["start_s"]
        self._video: VideoStream | None = None
        self._audio: AudioStream | None = None
        # Of several sizes each picture to begin with says its own: a decoder keeps the last it
        # heard of, wherever it was moved to, and not what the header says.
        headers = {part.extradata for part in group if part.video}
        self._said = group[0].segment["container"] == "mp4" and len(headers) > 1
        self._position = 0
        self._last = -1
        for part in group:
            self._add_streams(part)

    def _add_streams(self, part: Part) -> None:
        with av.open(str(part.path)) as container:
            if part.video and self._video is None:
                template = container.streams.video[0]
                self._video = self._output.add_stream_from_template(template, opaque=True)
                self._video.time_base = _VIDEO_BASE
            if part.audio and self._audio is None:
                sound = container.streams.audio[0]
                self._audio = self._output.add_stream_from_template(sound, opaque=True)
                self._audio.time_base = _AUDIO_BASE

    def add(self, part: Part) -> None:
        """All packets of one file."""
        offset_s = part.segment["start_s"] - self._first_s
        sets = parameter_sets(part.extradata) if self._said and part.video else b""
        with av.open(str(part.path)) as container:
            for packet in whole_packets(container):
                assert packet.pts is not None
                assert packet.time_base is not None
                at = packet.pts * packet.time_base + Fraction(offset_s).limit_denominator(10**6)
                if packet.stream.type == "video":
                    self._picture(packet, at, sets)
                else:
                    self._sound(packet, at)

    def _picture(self, packet: Packet[Any], at: Fraction, sets: bytes) -> None:
        assert packet.time_base is not None
        key = packet.is_keyframe
        copy = Packet(sets + bytes(packet)) if sets and key else packet
        duration = round((packet.duration or 0) * packet.time_base / _VIDEO_BASE)
        ticks = max(round(at / _VIDEO_BASE), self._last + 1)
        self._last = ticks
        copy.time_base, copy.stream = _VIDEO_BASE, self._video
        copy.pts = copy.dts = ticks
        copy.duration, copy.is_keyframe = duration, key
        self._output.mux(copy)

    def _sound(self, packet: Packet[Any], at: Fraction) -> None:
        """Sounds follow each other without a break; silence stands for what is not there."""
        wanted = round(at / _AUDIO_BASE)
        while wanted - self._position >= OPUS_FRAME:
            self._put(Packet(OPUS_SILENCE), OPUS_FRAME)
        if wanted - self._position > -OPUS_FRAME:
            assert packet.time_base is not None
            self._put(packet, round((packet.duration or 0) * packet.time_base / _AUDIO_BASE))

    def _put(self, packet: Packet[Any], ticks: int) -> None:
        packet.time_base, packet.stream = _AUDIO_BASE, self._audio
        packet.pts = packet.dts = self._position
        packet.duration = ticks or OPUS_FRAME
        packet.is_keyframe = True
        self._position += packet.duration
        self._output.mux(packet)


def parameter_sets(record: bytes) -> bytes:
    """SPS and PPS of an AVCDecoderConfigurationRecord, each behind its length in four bytes."""
    found, position = b"", 6
    for count in (record[5] & 0x1F, None):
        if count is None:
            count, position = record[position], position + 1
        for _ in range(count):
            size = int.from_bytes(record[position : position + 2], "big")
            found += size.to_bytes(4, "big") + record[position + 2 : position + 2 + size]
            position += 2 + size
    return found


def _join(group: Sequence[Part], path: Path) -> None:
    webm = group[0].segment["container"] == "webm"
    options = {"cues_to_front": "1"} if webm else {"movflags": "+faststart"}
    with av.open(str(path), "w", format="webm" if webm else "mp4", options=options) as output:
        joiner = _Joiner(output, group)
        for part in group:
            joiner.add(part)


def _check(group: Sequence[Part], path: Path) -> None:
    """Every picture is there, before what was recorded is deleted."""
    recorded = sum(_pictures(part.path) for part in group)
    if (joined := _pictures(path)) != recorded:
        raise ValueError(f"{path.name} has {joined} pictures instead of {recorded}")


def _pictures(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(packet.stream.type == "video" for packet in whole_packets(container))


# ---------------------------------------------------------------------------- what it became


def _describe(path: Path, group: Sequence[Part]) -> dict[str, Any]:
    first, last = group[0], group[-1]
    start_s = first.segment["start_s"]
    pictured = [part.segment for part in group if part.video]
    largest: Mapping[str, Any] = max(pictured, key=lambda s: s["width"], default=first.segment)
    gaps = [gap for part in group for gap in part.segment["gaps"]]
    for before, after in pairwise(group):
        end_s = before.segment["start_s"] + before.end_s
        if after.segment["start_s"] - end_s >= _GAP_S:
            gaps.append(("all", round(end_s, 3), after.segment["start_s"]))
    return {
        "name": path.name,
        "container": first.segment["container"],
        "start_s": start_s,
        "duration_s": round(last.segment["start_s"] + last.end_s - start_s, 3),
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
        "width": largest["width"],
        "height": largest["height"],
        "video": largest["video"] if pictured else None,
        "audio": "opus" if any(part.audio for part in group) else None,
        "gaps": sorted(gaps, key=lambda gap: gap[1]),
    }


def _thumbnails(path: Path, stem: str) -> list[str]:
    """Pictures at fixed shares of the file's length, as JPEG; fewer if some cannot be decoded."""
    names: list[str] = []
    for number, share in enumerate(THUMBNAILS, 1):
        frame = _frame(path, share)
        if frame is not None:
            name = f"{stem}-{number}.jpg"
            path.with_name(name).write_bytes(jpeg(frame))
            names.append(name)
    return names


def _frame(path: Path, share: float) -> VideoFrame | None:
    """The picture at a share of the file's length, or None: an ornament, not the recording."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                return None
            container.seek(int((container.duration or 0) * share))
            return next(container.decode(video=0), None)
    except av.FFmpegError:
        return None


def jpeg(frame: VideoFrame) -> bytes:
    """A small JPEG of a picture."""
    height = max(2, round(frame.height * THUMBNAIL_WIDTH / frame.width / 2) * 2)
    small = frame.reformat(width=THUMBNAIL_WIDTH, height=height, format="yuvj420p")
    encoder = av.VideoCodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = THUMBNAIL_WIDTH, height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    small.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(small), *encoder.encode(None)])


# ---------------------------------------------------------------------------- process


def main() -> int:
    """Finish the folder named on the command line; what went wrong goes to standard error."""
    end_with_parent()
    os.nice(NICE)
    av.logging.set_level(av.logging.PANIC)
    try:
        finish(Path(sys.argv[1]), int(sys.argv[2]))
    except (OSError, ValueError, av.FFmpegError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
