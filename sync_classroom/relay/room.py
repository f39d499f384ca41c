"""Rooms: who publishes what, and which source feeds which slot of whom. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from .layers import Wish

EMPTY_S: Final = 60.0
"""A room made by a token goes when nobody has been in it for so long."""
EVERYBODY: Final = "*"
SHARP_SOURCE: Final = "screen"
VIEWER: Final = "viewer:"


@dataclass(frozen=True, slots=True)
class Layout:
    """Which source feeds each slot of a subscriber, by kind; None is an idle slot.

    `heights` says by video slot how high its picture is shown, in pixels; None, or nothing past the
    end, is as high as there is.
    """

    audio: tuple[str | None, ...]
    video: tuple[str | None, ...]
    heights: tuple[int | None, ...] = ()

    def source(self, kind: str, slot: int) -> str | None:
        """The source of slot `slot` of `kind`; None past the layout's end."""
        sources = self.audio if kind == "audio" else self.video
        return sources[slot] if slot < len(sources) else None

    def wish(self, slot: int) -> Wish:
        """How a video slot is shown. Courseware must be sharp: see `layers`."""
        height = self.heights[slot] if slot < len(self.heights) else None
        name = self.source("video", slot) or ""
        return Wish(height, name.partition(":")[0] == SHARP_SOURCE)


DEFAULT_LAYOUT: Final = Layout(("camera", "screen"), ("camera", "screen"))


def source_name(source: str | None, peer: str) -> str:
    """How a published source is called in layouts: `seat` belongs to its peer."""
    return f"seat:{peer}" if source == "seat" else source or "camera"


PublisherT = TypeVar("PublisherT")


@dataclass(slots=True, eq=False)
class Room(Generic[PublisherT]):
    """One room. `sources` maps a source's name to (peer, publisher)."""

    name: str
    pinned: bool
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    sources: dict[str, tuple[str, PublisherT]] = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    empty_since_s: float = 0.0

    def layout(self, peer: str) -> Layout:
        """The layout of one subscriber: its own, its group's, or everybody's.

        Viewers come and go without the room being told; `viewer:wall:1a2b` is of `viewer:wall`.
        """
        found = self.layouts.get(peer)
        if found is None and peer.startswith(VIEWER):
            found = self.layouts.get(peer.rpartition(":")[0])
        return found or self.layouts.get(EVERYBODY) or DEFAULT_LAYOUT

    def feeding(self, peer: str, kind: str, slot: int) -> PublisherT | None:
        """Who feeds a slot now; never the peer itself."""
        name = self.layout(peer).source(kind, slot)
        owner, publisher = self.sources.get(name or "", (peer, None))
        return None if owner == peer else publisher

    def anything_live(self) -> bool:
        """Whether anybody publishes."""
        return bool(self.sources)
