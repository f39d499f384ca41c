from __future__ import annotations

from sync_classroom.relay.layers import Wish
from sync_classroom.relay.room import DEFAULT_LAYOUT, Layout, Room, source_name


def room() -> Room[str]:
    made: Room[str] = Room("lesson", pinned=True)
    made.sources = {
        "camera": ("host", "host camera"),
        "screen": ("host", "host screen"),
        "seat:s1": ("s1", "s1's picture"),
    }
    return made


def feeding(made: Room[str], peer: str) -> list[str | None]:
    return [made.feeding(peer, kind, slot) for kind in ("audio", "video") for slot in range(3)]


def test_the_default_layout_is_camera_and_screen() -> None:
    expected = ["host camera", "host screen", None] * 2
    assert feeding(room(), "viewer:1") == expected
    assert Layout(("camera", "screen"), ("camera", "screen")) == DEFAULT_LAYOUT


def test_layouts_are_by_peer_then_for_everybody() -> None:
    made = room()
    made.layouts = {
        "*": Layout(("camera", "seat:s1"), ("camera", "screen", "seat:s1")),
        "host": Layout(("seat:s1",), ("seat:s1", None, "seat:s2")),
    }
    assert feeding(made, "s2") == [
        "host camera", "s1's picture", None, "host camera", "host screen", "s1's picture",
    ]  # fmt: skip
    assert feeding(made, "host") == ["s1's picture", None, None, "s1's picture", None, None]


def test_viewers_of_a_group_share_its_layout_and_others_have_everybodys() -> None:
    made = room()
    made.layouts = {
        "*": Layout(("camera",), ("camera",)),
        "viewer:wall-0": Layout((), ("seat:s1",)),
        "far": Layout((), ()),
    }
    small = [None, None, None, "s1's picture", None, None]
    usual = ["host camera", None, None, "host camera", None, None]
    assert feeding(made, "viewer:wall-0:1a2b") == small
    assert feeding(made, "viewer:wall-1:1a2b") == feeding(made, "viewer:look:x") == usual
    assert feeding(made, "far:1") == usual  # a seat is nobody's group


def test_a_peer_never_hears_or_sees_itself() -> None:
    made = room()
    made.layouts = {"*": Layout(("seat:s1", "camera"), ("seat:s1", "camera"))}
    assert feeding(made, "s1") == [None, "host camera", None, None, "host camera", None]
    assert feeding(made, "host") == ["s1's picture", None, None, "s1's picture", None, None]


def test_a_seat_is_named_after_its_peer() -> None:
    assert source_name("seat", "s7") == "seat:s7"
    assert source_name("screen", "host") == "screen"
    assert source_name(None, "host") == "camera"


def test_a_room_is_live_when_anybody_publishes() -> None:
    assert room().anything_live()
    assert not Room("empty", pinned=False).anything_live()


def test_a_slot_is_shown_as_high_as_its_layout_says_and_courseware_sharp() -> None:
    layout = Layout((), ("camera", "screen", "seat:s1"), (None, None, 180))
    assert [layout.wish(slot) for slot in range(4)] == [
        Wish(),
        Wish(sharp=True),
        Wish(height=180),
        Wish(),
    ]


def test_a_screen_of_any_peer_must_be_sharp() -> None:
    layout = Layout((), ("screen", "screen:t:a", "seat:screen", None), (180, 180, 180))
    assert [layout.wish(slot).sharp for slot in range(4)] == [True, True, False, False]
