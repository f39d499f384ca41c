"""One file of a source, cut into fragments as it grows. Pure: bytes come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from . import isobmff, webm
from .depacketise import OPUS_RATE, VideoConfig

MAX_GAPS: Final = 500
"""Gaps named one by one in a manifest; a line that bad is described by their sum as well."""
_MIN_TICKS: Final = 90
"""1 ms between two pictures: time never stands still or runs back in a file."""


@dataclass(slots=True)
class SegmentInfo:
    """What a manifest says of a file. `start_s` is from the recording's start.

    `gaps` are `(kind, from_s, to_s)` on the recording's time, `gap_s` the sum over all of them by
    kind. `left_out` counts pictures that came incomplete or could not be decoded without others,
    `silence_s` what was put in for sound that did not come.
    """

    name: str
    container: str
    video: str | None
    audio: str | None
    width: int
    height: int
    start_s: float
    duration_s: float = 0.0
    bytes: int = 0
    pictures: int = 0
    sounds: int = 0
    silence_s: float = 0.0
    left_out: int = 0
    gaps: list[tuple[str, float, float]] = field(default_factory=list)
    gap_s: dict[str, float] = field(default_factory=dict)
    closed: bool = False

    def gap(self, kind: str, from_s: float, to_s: float) -> None:
        """Note that nothing of a kind is there between two instants."""
        if len(self.gaps) < MAX_GAPS:
            self.gaps.append((kind, round(from_s, 3), round(to_s, 3)))
        self.gap_s[kind] = round(self.gap_s.get(kind, 0.0) + to_s - from_s, 3)


@dataclass(slots=True)
class _Picture:
    ticks: int
    data: bytes
    key: bool


class Segment:
    """Pictures and sounds in, fragments out. Instants are seconds from the recording's start.

    `stem` is the file's name without its extension.
    """

    def __init__(
        self, stem: str, start_ticks: int, video: VideoConfig | None, *, audio: bool
    ) -> None:
        self.video = video
        self.webm = video is not None and video.codec == "VP8"
        self.start_ticks = start_ticks  # of 48 kHz, so that sounds never fall between two
        self.start_s = start_ticks / OPUS_RATE
        container = "webm" if self.webm else "mp4"
        self.info = SegmentInfo(
            name=f"{stem}.{container}",
            container=container,
            video=None if video is None else video.codec,
            audio="opus" if audio else None,
            width=0 if video is None else video.width,
            height=0 if video is None else video.height,
            start_s=round(self.start_s, 6),
        )
        self.header = (webm if self.webm else isobmff).header(video, audio=audio)
        self._pictures: list[_Picture] = []
        self._sounds: list[tuple[int, bytes, int]] = []
        self._number = 0
        self._last_ticks = -_MIN_TICKS

    @property
    def empty(self) -> bool:
        """Whether there is nothing for a fragment."""
        return not self._pictures and not self._sounds

    def picture(self, at_s: float, data: bytes, *, key: bool) -> None:
        """A picture shown from `at_s` until the next one."""
        ticks = round((at_s - self.start_s) * isobmff.VIDEO_RATE)
        ticks = max(ticks, self._last_ticks + _MIN_TICKS)
        self._last_ticks = ticks
        self._pictures.append(_Picture(ticks, data, key))
        self.info.pictures += 1
        self._reaches(ticks / isobmff.VIDEO_RATE)

    def sound(self, position: int, data: bytes, ticks: int) -> None:
        """A sound that follows on the last one; `position` in 48 kHz from the recording's start."""
        self._sounds.append((position - self.start_ticks, data, ticks))
        self.info.sounds += 1
        self._reaches((position - self.start_ticks + ticks) / OPUS_RATE)

    def _reaches(self, end_s: float) -> None:
        self.info.duration_s = max(self.info.duration_s, round(end_s, 3))

    def cut(self, *, end_s: float | None = None) -> bytes:
        """A fragment of what came since the last; `end_s` says that the file ends there.

        The last picture of an MP4 waits for its successor, which tells how long it lasts.
        """
        data = self._cluster() if self.webm else self._fragment(end_s)
        self.info.bytes += len(data)
        return data

    def _cluster(self) -> bytes:
        blocks = [
            webm.Block(webm.VIDEO_ID, p.ticks * 1000 // isobmff.VIDEO_RATE, p.data, p.key)
            for p in self._pictures
        ]
        blocks += [
            webm.Block(webm.AUDIO_ID, position * 1000 // OPUS_RATE, data)
            for position, data, _ in self._sounds
        ]
        self._pictures, self._sounds = [], []
        blocks.sort(key=lambda block: block.at_ms)
        parts: list[list[webm.Block]] = []
        for block in blocks:
            if not parts or block.at_ms - parts[-1][0].at_ms > webm.MAX_CLUSTER_MS:
                parts.append([])
            parts[-1].append(block)
        return b"".join(webm.cluster(part) for part in parts)

    def _fragment(self, end_s: float | None) -> bytes:
        pictures = self._pictures
        if end_s is not None and pictures:
            last = pictures[-1]
            end = round((end_s - self.start_s) * isobmff.VIDEO_RATE)
            pictures.append(_Picture(max(end, last.ticks + _MIN_TICKS), b"", key=False))
            self._reaches(pictures[-1].ticks / isobmff.VIDEO_RATE)
        self._pictures = pictures[-1:] if end_s is None else []
        video = [
            isobmff.Sample(one.data, following.ticks - one.ticks, one.key)
            for one, following in pairwise(pictures)
        ]
        audio = [isobmff.Sample(data, ticks) for _, data, ticks in self._sounds]
        if not video and not audio:
            return b""
        self._number += 1
        data = isobmff.fragment(
            self._number,
            isobmff.Run(pictures[0].ticks, video) if video else None,
            isobmff.Run(self._sounds[0][0], audio) if audio else None,
        )
        self._sounds = []
        return data

    def manifest(self) -> dict[str, Any]:
        """The file as a manifest has it."""
        info = self.info
        return {name: getattr(info, name) for name in info.__slots__}
