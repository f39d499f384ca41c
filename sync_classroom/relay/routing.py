"""What each slot of a subscriber shows, by its room's layout. Pure: no packet is touched here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .feed import Feed
from .forwarding import Slot
from .layers import Source, Wish
from .live_session import Session
from .publisher import Publisher
from .room import Room
from .steering import plan
from .subscriber import Stream, Subscriber

WARM_S: Final = 0.5
"""From an offer to the end of its handshake: a cached keyframe should still be fresh then."""


def shown(room: Room[Session], peer: str, stream: Stream) -> tuple[Source | None, Wish]:
    """The source of a peer's slot, None for nothing, and how it is shown."""
    kind, place = stream.slot.kind, stream.line.slot
    wish = room.layout(peer).wish(place) if kind == "video" else Wish()
    publisher = room.feeding(peer, kind, place)
    if publisher is None or not isinstance(publisher.media, Publisher):
        return None, wish
    return publisher.media.source(kind), wish


def route(room: Room[Session], peer: str, media: Subscriber, now: float) -> list[Slot]:
    """Point a subscriber's slots at what the layout says now; those for which that is new."""
    changed = [
        stream.slot
        for stream in media.streams
        if media.show(stream, *shown(room, peer, stream), now)
    ]
    if changed:
        media.steering.choose(now)
    return changed


def cold_feeds(room: Room[Session], peer: str, media: Subscriber, now: float) -> Iterator[Feed]:
    """Of the pictures a newcomer will see, those without a keyframe that will still be fresh."""
    wanted = [
        (source, wish, stream.line.slot, None)
        for stream in media.streams
        for source, wish in [shown(room, peer, stream)]
        if source is not None and stream.slot.kind == "video"
    ]
    for feed in plan(wanted, media.downlink.estimate_bps, now)[0]:
        if feed.cache is not None and not feed.cache.fresh(now + WARM_S):
            yield feed
