"""One publisher being recorded, on the loop's side: what it sends waits here for the thread."""

from __future__ import annotations

from collections import deque
from typing import Final

from ..feed import Feed
from ..publisher import Publisher
from ..rtp import Packet
from ..session import Codec
from .take import Anchor
from .writer import Writer

STILL_S: Final = 1.0
"""A layer that is silent for so long is not sent any more: browsers stop those that do not fit."""
MAX_QUEUED: Final = 4096
"""Packets of one source that wait for the thread: 12 s at 2.5 Mbit/s, 5 MB. A disk that stalls for
longer costs the recording pictures up to the next keyframe, not the relay its memory."""


class Line:
    """`Tap` of one publisher's feeds: packets kept in order until the thread takes them."""

    def __init__(self, source: str, publisher: Publisher) -> None:
        self.source = source
        self.publisher = publisher
        self.events: deque[tuple[str, Codec, Anchor, list[Packet]] | str] = deque()
        # Each is written by one side only: put and lost by the loop, taken and told by the thread.
        self.put = self.lost = self.taken = self.told = 0
        self.layer: Feed | None = None
        kinds = {track.line.kind for track in publisher.tracks}
        self._kinds: frozenset[str] | None = frozenset(kinds)
        for track in publisher.tracks:
            track.feed.tap = self

    def take(self, feed: Feed, packets: list[Packet]) -> None:
        """See `Tap`."""
        if feed.kind == "video" and feed is not self.layer:
            packets = self._from_keyframe(feed, packets)
            if not packets:
                return
            self.layer = feed
            self.events.append("video")
        anchor = feed.clock.anchor if feed.clock is not None else None
        if anchor is None or feed.clock is None:
            return
        if self.put - self.taken + len(packets) > MAX_QUEUED:
            self.lost += len(packets)  # their numbers are missing, which is how it is noticed
            return
        self.put += len(packets)
        known = Anchor(*anchor, reported=feed.clock.reported)
        self.events.append((feed.kind, feed.codec, known, packets))

    def _from_keyframe(self, feed: Feed, packets: list[Packet]) -> list[Packet]:
        """What to go over to another layer with: a larger one, or one that is still sent."""
        layer = self.layer
        if layer is not None and feed.pixels <= layer.pixels:
            heard_s, last_s = feed.heard_s or 0.0, layer.heard_s or 0.0
            if heard_s - last_s < STILL_S:
                return []
        first = next((place for place, packet in enumerate(packets) if packet.keyframe), None)
        return [] if first is None else packets[first:]

    def restart(self, feed: Feed) -> None:
        """See `Tap`."""
        if feed.kind == "audio" or feed is self.layer:
            self.events.append(feed.kind)

    @property
    def videos(self) -> list[Feed]:
        """Every layer, to ask for keyframes of: the largest that answers is recorded."""
        return [t.feed for t in self.publisher.tracks if t.line.kind == "video"]

    def drain(self, writer: Writer) -> None:
        """In the thread: everything to the writer."""
        if self._kinds is not None:
            writer.join(self.source, self._kinds)
            self._kinds = None
        while self.events:
            event = self.events.popleft()
            if isinstance(event, str):
                writer.restart(self.source, event)
            else:
                writer.packets(self.source, *event)
                self.taken += len(event[3])

    def release(self) -> None:
        """Packets are no longer wanted."""
        for track in self.publisher.tracks:
            if track.feed.tap is self:
                track.feed.tap = None
