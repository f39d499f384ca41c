"""Which picture and voice goes where in a meeting: a pure function of its stage.

Everybody has the same slots: number k, sound and picture, is place k, and the last one is the
shared screen. A change of speaker changes how large pictures are sent, and no slot.
"""

from __future__ import annotations

from typing import Final

from ..domain.meeting import PLACES, Stage
from .ports import Layout

#: Who does not speak is shown some 300 pixels wide; a sender's small picture is 320x180.
SMALL_HEIGHT: Final = 180
#: m-lines a page of the meeting offers, (audio, video).
MEETING_LINES: Final = (PLACES + 1, PLACES + 1)


def meeting_layout(stage: Stage) -> Layout:
    """The layout of everybody in the meeting; nobody is sent their own source."""
    places = tuple(None if p is None else f"seat:{p.peer}" for p in stage.places)
    screen = f"screen:{stage.screen}" if stage.screen is not None else None
    large = stage.speaker if screen is None else None
    heights = tuple(
        None if p is not None and p.peer == large else SMALL_HEIGHT for p in stage.places
    )
    return Layout((*places, screen), (*places, screen), (*heights, None))


def meeting_sources(stage: Stage) -> tuple[str, ...]:
    """What of a meeting is recorded: everybody who has a place, and the screen that is shared."""
    screen = () if stage.screen is None else (f"screen:{stage.screen}",)
    return (*(f"seat:{peer}" for peer in stage.senders), *screen)
