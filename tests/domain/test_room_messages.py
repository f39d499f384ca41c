"""A room writes seldom and not for ever; other rooms do not count against it."""

from __future__ import annotations

from sync_classroom.domain.ids import ActId, OccurrenceId, SeatId
from sync_classroom.domain.room_messages import MAX_OF_SEAT, RoomMessage, Turn, turn_of
from tests.support.plans import at

A, B = SeatId("a"), SeatId("b")


def said(seat: SeatId, clock: str) -> RoomMessage:
    return RoomMessage(ActId(f"{seat} {clock}"), OccurrenceId("o"), seat, at(clock), "好")


def test_the_next_message_waits_five_seconds() -> None:
    messages = [said(A, "09:00:10"), said(A, "09:00:00")]
    assert turn_of([], A, at("09:00")) is Turn.NOW
    assert turn_of(messages, A, at("09:00:14.999999")) is Turn.LATER
    assert turn_of(messages, A, at("09:00:15")) is Turn.NOW
    assert turn_of(messages, B, at("09:00:10")) is Turn.NOW


def test_a_room_writes_so_often_in_a_lesson_and_no_more() -> None:
    messages = [said(A, f"09:{minute:02}") for minute in range(MAX_OF_SEAT)]
    assert turn_of(messages[1:], A, at("10:00")) is Turn.NOW
    assert turn_of(messages, A, at("10:00")) is Turn.OVER
    assert turn_of(messages, B, at("10:00")) is Turn.NOW
