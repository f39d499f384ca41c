"""Copies a part of a finished recording into a file of its own; nothing is encoded.

    python -m sync_classroom.relay.recording.cutting SOURCE TARGET FROM_S TO_S [PAGES]

A picture can only be decoded from its keyframe on, so the part begins with the last keyframe at or
before FROM_S: early rather than late. What was copied is told as one line of JSON. PAGES names a
file of JSON with the document pages shown meanwhile, which go with the part (`page_pack`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from . import page_pack
from .child import NICE, end_with_parent, sha256_of, whole_packets


@dataclass(frozen=True, slots=True)
class Piece:
    """What was copied: `[from_s, to_s)` of the source, as it really is."""

    from_s: float
    to_s: float
    duration_s: float
    bytes: int
    sha256: str


@dataclass(slots=True)
class _Copy:
    """Packets on their way from one file to another, which begins at `zero`."""

    output: OutputContainer
    streams: dict[int, Stream] = field(default_factory=dict)
    zero: Fraction | None = None
    end: Fraction = Fraction(0)

    def put(self, packet: Packet[Any], at: Fraction) -> None:
        """One packet, `at` in the source."""
        assert self.zero is not None
        assert packet.time_base is not None
        self.end = max(self.end, at + (packet.duration or 0) * packet.time_base)
        ticks = round((at - self.zero) / packet.time_base)
        packet.stream = self.streams[packet.stream.index]
        packet.pts = packet.dts = ticks
        self.output.mux(packet)


def cut(
    source: Path,
    target: Path,
    from_s: float,
    to_s: float,
    pages: Sequence[Mapping[str, Any]] = (),
) -> Piece:
    """Copy a part of `source`; a file named `target` appears when all of it is there.

    `pages` are those shown while `source` was recorded, as `page_pack.append` takes them.

    Raises ValueError if nothing lies between the marks, OSError or av.FFmpegError.
    """
    partial = target.with_name(target.name + ".new")
    webm = source.suffix == ".webm"
    options = {"cues_to_front": "1"} if webm else {"movflags": "+faststart"}
    try:
        with (
            av.open(str(source)) as reading,
            av.open(str(partial), "w", format=source.suffix[1:], options=options) as writing,
        ):
            begins, ends = _copy(reading, writing, Fraction(from_s), Fraction(to_s))
        page_pack.append(partial, pages, mp4=not webm, from_s=float(begins), to_s=float(ends))
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return Piece(
        round(float(begins), 3),
        round(float(ends), 3),
        round(float(ends - begins), 3),
        target.stat().st_size,
        sha256_of(target),
    )


def _copy(
    reading: InputContainer, writing: OutputContainer, from_s: Fraction, to_s: Fraction
) -> tuple[Fraction, Fraction]:
    """Where what was copied really begins and ends."""
    copy = _Copy(writing)
    for stream in (*reading.streams.video[:1], *reading.streams.audio[:1]):
        made = writing.add_stream_from_template(stream, opaque=True)
        made.time_base = stream.time_base
        copy.streams[stream.index] = made
    if reading.streams.video:
        # The keyframe at or before the mark, on the picture's own time.
        video = reading.streams.video[0]
        assert video.time_base is not None
        reading.seek(int(from_s / video.time_base), stream=video, backward=True)
    else:
        reading.seek(int(from_s * av.time_base), backward=True)
    sound: list[tuple[Packet[Any], Fraction]] = []
    for packet, at in _before(to_s, reading, frozenset(copy.streams)):
        if copy.zero is not None:
            if at >= copy.zero:
                copy.put(packet, at)
        elif packet.stream.type == "video" and packet.is_keyframe:
            copy.zero = at
            for held in [*sound, (packet, at)]:
                if held[1] >= at:
                    copy.put(*held)
        elif packet.stream.type == "audio" and reading.streams.video:
            sound.append((packet, at))  # what is heard with a keyframe may stand before it
        elif packet.stream.type == "audio" and at >= from_s:
            copy.zero = at
            copy.put(packet, at)
    if copy.zero is None:
        raise ValueError(f"nothing was recorded from {float(from_s):.3f} to {float(to_s):.3f} s")
    return copy.zero, copy.end


def _before(
    to_s: Fraction, reading: InputContainer, streams: frozenset[int]
) -> Iterator[tuple[Packet[Any], Fraction]]:
    """Packets of these streams and their time, up to where each stream reaches the end mark."""
    over: set[int] = set()
    for packet in whole_packets(reading):
        assert packet.pts is not None
        assert packet.time_base is not None
        at = packet.pts * packet.time_base
        if packet.stream.index not in streams or packet.stream.index in over:
            continue
        if at < to_s:
            yield packet, at
            continue
        over.add(packet.stream.index)
        if over == streams:
            return


def main() -> int:
    """Cut as the command line says; what went wrong goes to standard error."""
    end_with_parent()
    os.nice(NICE)
    av.logging.set_level(av.logging.PANIC)
    source, target, from_s, to_s, *packed = sys.argv[1:]
    try:
        pages = [page for name in packed for page in json.loads(Path(name).read_text("utf-8"))]
        piece = cut(Path(source), Path(target), float(from_s), float(to_s), pages)
    except (OSError, ValueError, av.FFmpegError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(json.dumps(asdict(piece)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
