"""Who may not begin, with which code, and when to ask again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync_classroom.relay.entrance import DRAINING_RETRY_S, FULL_RETRY_S, Entrance
from sync_classroom.relay.load import BUSY_RETRY_S, Place
from sync_classroom.relay.session import Direction, SessionRefusedError
from sync_classroom.relay.settings import RelaySettings

SEAT: Place = ("lesson", "seat-1", Direction.SUBSCRIBE, None)
HOST: Place = ("lesson", "host", Direction.PUBLISH, "camera")


def refused(call: Callable[[], None]) -> tuple[str, int | None]:
    with pytest.raises(SessionRefusedError) as caught:
        call()
    return caught.value.code, caught.value.retry_after_s


def test_rooms_end_at_their_number_and_at_a_drain() -> None:
    entrance = Entrance(RelaySettings(max_rooms=2))
    entrance.check_room(1)
    assert refused(lambda: entrance.check_room(2)) == ("full", FULL_RETRY_S)
    entrance.drain.begin(0.0)
    assert refused(lambda: entrance.check_room(0)) == ("draining", DRAINING_RETRY_S)
    entrance.drain.cancel()
    entrance.check_room(0)
    assert entrance.refused == {"full": 1, "draining": 1}


def test_sessions_end_at_their_number_even_for_the_host() -> None:
    entrance = Entrance(RelaySettings(max_sessions=3))
    entrance.check_session(HOST, 0.0, sessions=2, present=False)
    full = refused(lambda: entrance.check_session(HOST, 0.0, sessions=3, present=False))
    assert full == ("full", FULL_RETRY_S)


def test_a_busy_relay_refuses_seats_and_not_the_host_or_who_is_here() -> None:
    entrance = Entrance(RelaySettings(max_load=0.5))
    entrance.gate.heed(0.9)
    busy = refused(lambda: entrance.check_session(SEAT, 0.0, sessions=1, present=False))
    assert busy == ("busy", BUSY_RETRY_S)
    entrance.check_session(SEAT, 0.0, sessions=1, present=True)
    entrance.check_session(HOST, 0.0, sessions=1, present=False)
    assert entrance.refused == {"busy": 1}


def test_a_drain_lets_the_seats_of_running_lessons_in() -> None:
    entrance = Entrance(RelaySettings())
    entrance.drain.begin(0.0)
    entrance.check_session(SEAT, 0.0, sessions=1, present=False)
