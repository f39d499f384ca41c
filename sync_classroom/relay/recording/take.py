"""One source being recorded: packets in, files out through a sink. Pure: time is an argument.

Pictures stand where the source's sender reports put them. Sounds are laid end to end, because
players count them instead of reading their times: a whole frame of silence is put in, or one sound
left out, whenever they are a frame (20 ms) away from where the reports put them. So a lost second
stays a second, and clocks that drift apart stay together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from ..rtp import Packet
from ..session import Codec
from .depacketise import (
    OPUS_FRAME,
    OPUS_RATE,
    OPUS_SILENCE,
    Depacketiser,
    Picture,
    VideoConfig,
    depacketiser,
    opus_ticks,
)
from .reorder import Reorder
from .segment import Segment, SegmentInfo

FRAGMENT_S: Final = 1.0
"""What a killed process may cost, with the reordering and the queue below two seconds; a fragment's
own bytes are under 1 % of a lesson's."""
HOLD_S: Final = 2.0
"""How long sound waits for the first keyframe, so that both begin in one file."""
QUIET_S: Final = 0.6
"""Sound this late is taken for silence when a fragment is cut: more than the reordering's wait and
an encoder's pause between two packets of silence (400 ms) together."""
KEYFRAME_S: Final = 10.0
"""A player can jump to keyframes only, and browsers send none unasked. One in ten seconds adds 2 to
4 % to a lesson's bits."""
SANE_S: Final = 2.0
"""Reports that put media this far from its arrival speak of a clock that was stepped, not of the
line: the arrival counts then, until the next report."""
LAST_S: Final = 1.0
"""How long the last picture may stand at the end of a file whose source has gone."""
REANCHOR_S: Final = 60.0
"""Without sender reports a clock follows its own packets, so that 32 bits never wrap."""
_MASK32: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Anchor:
    """A timestamp and the instant it stands for on our clock; `reported` by the sender itself."""

    at_s: float
    ticks: int
    reported: bool


class Placing:
    """Where timestamps of one track lie on our clock."""

    __slots__ = ("_anchor", "clock_rate")

    def __init__(self, clock_rate: int) -> None:
        self.clock_rate = clock_rate
        self._anchor: Anchor | None = None

    def restart(self) -> None:
        """Timestamps begin anew."""
        self._anchor = None

    def hear(self, anchor: Anchor) -> None:
        """What is known. Until the sender reports, the first arrival holds: later ones jitter."""
        if anchor.reported or self._anchor is None:
            self._anchor = anchor

    def at_s(self, timestamp: int, arrival_s: float) -> float:
        """The instant of a timestamp that arrived then."""
        assert self._anchor is not None
        delta = (timestamp - self._anchor.ticks) & _MASK32
        if delta >= 0x80000000:
            delta -= 0x100000000
        at_s = self._anchor.at_s + delta / self.clock_rate
        if not self._anchor.reported and delta > REANCHOR_S * self.clock_rate:
            self._anchor = Anchor(at_s, timestamp, reported=False)
        return at_s if abs(at_s - arrival_s) <= SANE_S else arrival_s


class Sink(Protocol):
    """Where files go. Any method may raise OSError; the take is then to be abandoned."""

    def open(self, info: SegmentInfo) -> None:
        """Begin a file."""
        ...

    def write(self, data: bytes) -> None:
        """Append to it, all or nothing."""
        ...

    def close(self) -> None:
        """It is complete."""
        ...


class Take:
    """A source from its first packet to `finish`, over however many files and publishers.

    `zero_s` is the recording's start on our clock; `stem` names files, `number` the first of them.
    """

    def __init__(self, sink: Sink, *, stem: str, zero_s: float, number: int) -> None:
        self._sink = sink
        self._stem = stem
        self._zero_s = zero_s
        self.number = number
        self.has_audio = self.has_video = False
        self._video = Reorder()
        self._audio = Reorder()
        self._video_at = Placing(90000)
        self._audio_at = Placing(OPUS_RATE)
        self._codec: Codec | None = None
        self._pictures: Depacketiser | None = None
        self._left_out_before = 0
        self._still_s: float | None = None  # when the last picture before a gap was shown
        self._last_s: float | None = None
        self._position: int | None = None  # where the next sound goes, in 48 kHz
        self._broken = False
        self._quiet_since: int | None = None  # where the present silence of ours began
        self._heard_s = zero_s
        self._key_s = zero_s
        self._held: list[tuple[int, bytes, int]] = []
        self._cut_at_s: float | None = None
        self.segment: Segment | None = None
        self.malformed = 0

    # ------------------------------------------------------------------ in

    def tracks(self, *, audio: bool, video: bool) -> None:
        """What the publisher who comes now has."""
        self.has_audio, self.has_video = audio, video

    def restart(self, kind: str) -> None:
        """Numbers and timestamps of a kind begin anew: another SSRC, codec or publisher."""
        if kind == "video":
            self._take_video(self._video.flush())
            self._video, self._codec = Reorder(), None
            self._video_at.restart()
            if self._pictures is not None:
                self._pictures.lose()
        else:
            self._take_audio(self._audio.flush())
            self._audio = Reorder()
            self._audio_at.restart()
            self._broken = True

    def packets(self, kind: str, codec: Codec, anchor: Anchor, packets: Iterable[Packet]) -> None:
        """Packets as they arrived."""
        if kind == "video":
            if self._codec is None or codec.name != self._codec.name:
                self._codec, self._pictures = codec, depacketiser(codec)
                self._left_out_before = 0
            self._video_at.hear(anchor)
        else:
            self._audio_at.hear(anchor)
        order = self._video if kind == "video" else self._audio
        for packet in packets:
            order.push(packet)
            self._heard_s = max(self._heard_s, packet.arrival_s)

    def advance(self, now: float) -> None:
        """Write what is complete by now."""
        self._take_video(self._video.pop(now))
        self._take_audio(self._audio.pop(now))
        if self.segment is None:
            self._begin_without_pictures(now)
        if self.segment is None:
            return
        if self._cut_at_s is None or now >= self._cut_at_s:
            self._fill(now)
            self._cut()
            self._cut_at_s = now + FRAGMENT_S

    def finish(self, now: float) -> None:
        """The source has gone: close the file. Another publisher's media begin another one."""
        self._take_video(self._video.flush())
        self._take_audio(self._audio.flush())
        if self.segment is None and self._held:
            self._open(None, self._held[0][0])
        if self.segment is not None:
            end_s = min(now, self._heard_s + LAST_S)
            self._fill(end_s)
            self._close(max(self.segment.start_s, end_s - self._zero_s))
        self.abandon()
        self._video_at.restart()
        self._audio_at.restart()
        self._codec = None

    def abandon(self) -> None:
        """Forget the file being written, if there is one. The next begins at a keyframe."""
        self.segment, self._held, self._position = None, [], None
        self._video, self._audio = Reorder(), Reorder()
        self._still_s = self._last_s = None
        self._broken, self._quiet_since = False, None
        if self._pictures is not None:
            self._pictures.lose()

    def wants_key(self, now: float) -> bool:
        """Whether pictures are of no use until a keyframe comes, or it is time for one."""
        if self._pictures is None or self._codec is None:
            return False
        return self._pictures.waiting or now - self._key_s >= KEYFRAME_S

    # ------------------------------------------------------------------ pictures

    def _take_video(self, packets: Iterable[tuple[Packet, int]]) -> None:
        for packet, missing in packets:
            pictures = self._pictures
            assert pictures is not None  # made with the first packet
            for picture in pictures.feed(packet, missing):
                self._picture(picture, packet.arrival_s)
            if pictures.waiting and self._still_s is None:
                self._still_s = self._last_s
            if self.segment is not None and pictures.dropped != self._left_out_before:
                self.segment.info.left_out += pictures.dropped - self._left_out_before
                self._left_out_before = pictures.dropped

    def _picture(self, picture: Picture, arrival_s: float) -> None:
        at_s = max(0.0, self._video_at.at_s(picture.timestamp, arrival_s) - self._zero_s)
        if self._last_s is not None:
            at_s = max(at_s, self._last_s)
        if picture.config is not None:
            self._key_s = arrival_s
            self._keyframe(picture.config, at_s)
        if self.segment is None or self.segment.video is None:
            return
        if self._still_s is not None:
            self.segment.info.gap("video", self._still_s, at_s)
            self._still_s = None
        self.segment.picture(at_s, picture.data, key=picture.keyframe)
        self._last_s = at_s

    def _keyframe(self, config: VideoConfig, at_s: float) -> None:
        """A file, or a fragment of the present one, begins here."""
        if self.segment is not None and self.segment.video == config:
            self._cut()
            return
        # What sounds now belongs to the file before, but for what has not come yet.
        start = round(at_s * OPUS_RATE)
        if self.segment is not None:
            self._close(at_s)
        if self._held:
            start = min(start, self._held[0][0])
        elif self._position is not None:
            start = min(start, self._position)
        self._open(config, start)

    # ------------------------------------------------------------------ sounds

    def _take_audio(self, packets: Iterable[tuple[Packet, int]]) -> None:
        for packet, missing in packets:
            self._broken = self._broken or missing > 0
            if not packet.payload:
                continue
            try:
                ticks = opus_ticks(packet.payload)
            except ValueError:
                self.malformed += 1
                continue
            at_s = max(0.0, self._audio_at.at_s(packet.timestamp, packet.arrival_s) - self._zero_s)
            wanted = round(at_s * OPUS_RATE)
            if self._position is None:
                self._position = wanted
            if wanted - self._position <= -OPUS_FRAME:
                continue  # its time is taken: the source's clock runs slow, or it came too late
            self._silence(wanted)
            if self._broken and self._quiet_since is not None and self.segment is not None:
                self.segment.info.gap(
                    "audio", self._quiet_since / OPUS_RATE, self._position / OPUS_RATE
                )
            self._broken, self._quiet_since = False, None
            self._sound(packet.payload, ticks)

    def _silence(self, until: int) -> None:
        """Whole frames of silence up to less than a frame before `until`."""
        assert self._position is not None
        frames = max(0, (until - self._position) // OPUS_FRAME)
        if not frames:
            return
        if self._quiet_since is None:
            self._quiet_since = self._position
        for _ in range(frames):
            self._sound(OPUS_SILENCE, OPUS_FRAME)
        if self.segment is not None:
            self.segment.info.silence_s = round(
                self.segment.info.silence_s + frames * OPUS_FRAME / OPUS_RATE, 3
            )

    def _sound(self, data: bytes, ticks: int) -> None:
        assert self._position is not None
        if self.segment is not None:
            self.segment.sound(self._position, data, ticks)
        else:
            self._held.append((self._position, data, ticks))
        self._position += ticks

    def _fill(self, now: float) -> None:
        """Let the sound of a silent source keep up with its pictures."""
        if self._position is None or self.segment is None or self.segment.info.audio is None:
            return
        self._silence(round((now - QUIET_S - self._zero_s) * OPUS_RATE))

    # ------------------------------------------------------------------ files

    def _begin_without_pictures(self, now: float) -> None:
        if not self._held:
            return
        first, _, _ = self._held[0]
        if not self.has_video or now - self._zero_s - first / OPUS_RATE >= HOLD_S:
            self._open(None, first)

    def _open(self, video: VideoConfig | None, start: int) -> None:
        audio = self.has_audio or bool(self._held) or self._position is not None
        self.number += 1
        segment = Segment(f"{self._stem}-{self.number:04d}", start, video, audio=audio)
        self._sink.open(segment.info)
        self.segment = segment
        segment.info.bytes = len(segment.header)
        self._sink.write(segment.header)
        if audio and self._position is None:
            self._position = start
        held, self._held = self._held, []
        for position, data, ticks in held:
            segment.sound(position, data, ticks)

    def _cut(self) -> None:
        assert self.segment is not None
        if data := self.segment.cut():
            self._sink.write(data)

    def _close(self, end_s: float) -> None:
        assert self.segment is not None
        segment, self.segment = self.segment, None
        if data := segment.cut(end_s=end_s):
            self._sink.write(data)
        segment.info.closed = True
        self._sink.close()
