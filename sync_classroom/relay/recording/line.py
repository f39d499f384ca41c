"""What one publisher brings to a recording: its packets in order, of a picture's layers one."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from ..feed import Feed
from ..publisher import Publisher
from ..rtp import Packet
from ..session import Codec
from .take import Anchor
from .writer import Writer

MAX_QUEUED: Final = 4096
"""Packets of one source that wait for the thread: 12 s at 2.5 Mbit/s, 5 MB. A disk that stalls for
longer costs the recording pictures up to the next keyframe, not the relay its memory."""


class Line:
    """`Tap` of one publisher's feeds: packets kept in order until the thread takes them.

    Of a picture that comes in layers the largest that arrives is recorded; from one to another it
    goes at a keyframe, as it does for those who watch.
    """

    def __init__(self, source: str, publisher: Publisher) -> None:
        self.source = source
        self.publisher = publisher
        self.events: deque[tuple[str, Codec, Anchor, Sequence[Packet]] | str] = deque()
        # Each is written by one side only: put and lost by the loop, taken and told by the thread.
        self.put = self.lost = self.taken = self.told = 0
        kinds = {track.line.kind for track in publisher.tracks}
        self._kinds: frozenset[str] | None = frozenset(kinds)
        self._picture: Feed | None = None
        for track in publisher.tracks:
            track.feed.tap = self

    def take(self, feed: Feed, packets: Sequence[Packet]) -> None:
        """See `Tap`."""
        if feed.kind == "video":
            packets = self._of_picture(feed, packets)
        anchor = feed.clock.anchor if feed.clock is not None else None
        if anchor is None or feed.clock is None or not packets:
            return
        if self.put - self.taken + len(packets) > MAX_QUEUED:
            self.lost += len(packets)  # their numbers are missing, which is how it is noticed
            return
        self.put += len(packets)
        known = Anchor(*anchor, reported=feed.clock.reported)
        self.events.append((feed.kind, feed.codec, known, packets))

    def _of_picture(self, feed: Feed, packets: Sequence[Packet]) -> Sequence[Packet]:
        """Which of a layer's packets are recorded; with its keyframe the best one takes over."""
        if feed is self._picture:
            return packets
        if feed is not self._best():
            return ()
        first = next((n for n, packet in enumerate(packets) if packet.keyframe), None)
        if first is None:
            return ()
        if self._picture is not None:
            self.events.append(feed.kind)  # numbers and timestamps of its own
        self._picture = feed
        return packets[first:]

    def _best(self) -> Feed | None:
        source = self.publisher.source("video")
        return None if source is None else source.ladder[-1]

    def keyframe_wanted(self, *, asked: bool) -> Feed | None:
        """The layer a keyframe is to be asked of: the best one while another is recorded, or the
        recorded one if the writer `asked`."""
        best = self._best()
        return best if asked or best is not self._picture else None

    def restart(self, feed: Feed) -> None:
        """See `Tap`."""
        if feed.kind != "video" or feed is self._picture:
            self.events.append(feed.kind)

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
