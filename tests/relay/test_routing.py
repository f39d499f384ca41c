from __future__ import annotations

from sync_classroom.relay.forwarding import SlotState
from sync_classroom.relay.layers import Wish
from sync_classroom.relay.room import Layout, Room
from sync_classroom.relay.routing import WARM_S, cold_feeds, route, shown
from tests.support.virtual_media import HIGH, LOW, MIDDLE, Lesson


def room(lesson: Lesson, layout: Layout) -> Room:  # type: ignore[type-arg]
    made: Room = Room("lesson", True, {"*": layout})  # type: ignore[type-arg]
    made.sources["camera"] = ("host", lesson.published)
    return made


def layered() -> Lesson:
    return Lesson(1, upstream_loss=0.0, layers=(LOW, MIDDLE, HIGH))


def test_a_slot_shows_its_layouts_source_as_it_is_wished() -> None:
    lesson = layered()
    lesson.join("seat", rtx=True, loss=0.0)
    _, media, _ = lesson.subscribers[0]
    audio, video = media.streams
    made = room(lesson, Layout(("camera",), ("camera",), (180,)))
    assert shown(made, "seat", video) == (lesson.publisher.source("video"), Wish(height=180))
    assert shown(made, "seat", audio) == (lesson.publisher.source("audio"), Wish())
    assert shown(made, "host", video) == (None, Wish(height=180))  # never itself
    made.layouts = {"*": Layout((), ("screen",))}
    assert shown(made, "seat", video) == (None, Wish(sharp=True))


def test_routing_tells_what_is_new() -> None:
    lesson = layered()
    lesson.join("seat", rtx=True, loss=0.0)
    _, media, _ = lesson.subscribers[0]
    audio, video = (stream.slot for stream in media.streams)
    made = room(lesson, Layout(("camera",), ("camera",)))
    now = lesson.clock.now
    assert route(made, "seat", media, now) == []  # `join` has routed it so
    made.layouts = {"*": Layout(("camera",), ("camera",), (180,))}
    assert route(made, "seat", media, now) == [video]
    made.layouts = {"*": Layout((None,), (None,))}
    assert route(made, "seat", media, now) == [audio, video]
    assert (video.feed, video.state) == (None, SlotState.IDLE)


def test_cold_feeds_are_those_a_newcomer_would_wait_for() -> None:
    lesson = layered()
    lesson.publish(3.0)
    lesson.run(2.0)
    lesson.join("seat", rtx=True, loss=0.0)
    _, media, _ = lesson.subscribers[0]
    made = room(lesson, Layout(("camera",), ("camera",)))
    assert list(cold_feeds(made, "seat", media, lesson.clock.now)) == []
    lesson.keyframe_every = 10_000
    lesson.run(3.0 - WARM_S)
    (feed,) = cold_feeds(made, "seat", media, lesson.clock.now)
    source = lesson.publisher.source("video")
    assert source is not None
    assert feed in source.feeds
