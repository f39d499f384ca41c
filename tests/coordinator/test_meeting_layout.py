"""Slots of a meeting: number k is place k, the last is the screen, the speaker is sent large."""

from __future__ import annotations

from dataclasses import replace

from sync_classroom.coordinator.meeting_layout import (
    MEETING_LINES,
    SMALL_HEIGHT,
    meeting_layout,
    meeting_sources,
)
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.meeting import PLACES, Stage, leave_place, take_place
from tests.support.plans import at

TWO = take_place(take_place(Stage(OccurrenceId("s")), "t:a", at("16:00")), "t:b", at("16:00"))


def test_everybody_keeps_their_slot() -> None:
    layout = meeting_layout(leave_place(TWO, "t:a"))
    assert layout.video == layout.audio == (None, "seat:t:b", *[None] * (PLACES - 1))
    assert (len(layout.audio), len(layout.video)) == MEETING_LINES
    assert len(layout.heights) == PLACES + 1


def test_the_speaker_is_large_and_the_others_small() -> None:
    layout = meeting_layout(replace(TWO, speaker="t:b"))
    assert layout.heights[:3] == (SMALL_HEIGHT, None, SMALL_HEIGHT)


def test_a_shared_screen_is_last_and_large_and_the_speaker_small() -> None:
    layout = meeting_layout(replace(TWO, speaker="t:b", screen="t:a"))
    assert layout.video[-1] == layout.audio[-1] == "screen:t:a"
    assert layout.heights == (*[SMALL_HEIGHT] * PLACES, None)


def test_everybody_who_has_a_place_is_recorded_and_the_screen_and_nobody_else() -> None:
    assert meeting_sources(Stage(OccurrenceId("s"))) == ()
    assert meeting_sources(TWO) == ("seat:t:a", "seat:t:b")
    shown = replace(leave_place(TWO, "t:a"), screen="t:b")
    assert meeting_sources(shown) == ("seat:t:b", "screen:t:b")
