"""Tokens say exactly which room, direction, source and seat, and for how long."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.coordinator.grants import Grants
from sync_classroom.coordinator.meeting_layout import MEETING_LINES
from sync_classroom.coordinator.tokens import TokenMinter
from sync_classroom.domain.ids import ClassroomId
from sync_classroom.domain.turn import Turn
from tests.support.coordination import ZONE, TurnedClock
from tests.support.plans import at, lesson

LESSON = lesson("o-1", seats=["far-1-r1", "far-2-r1"])
CLOCK = TurnedClock(at("08:00"))


@pytest.fixture(scope="module")
def grants(tmp_path_factory: pytest.TempPathFactory) -> Grants:
    minter = TokenMinter(tmp_path_factory.mktemp("keys") / "token.jwk")
    return Grants(minter, relay_url="https://relay.example:8444", clock=CLOCK, zone=ZONE)


def claims(token: str) -> dict[str, Any]:
    """What a token says, read without checking it."""
    part = token.split(".")[1]
    told: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return told


def seconds(clock: str) -> int:
    return int(at(clock).timestamp())


def test_host_publishes_camera_and_screen_and_may_make_the_room(grants: Grants) -> None:
    given = grants.of_host(LESSON)
    assert given["url"] == "https://relay.example:8444"
    assert given["expires_at"] == "2026-11-23T10:10:00+08:00"
    assert [p["source"] for p in given["publish"]] == ["camera", "screen"]
    for publish in given["publish"]:
        assert claims(publish["token"]) == {
            "iss": "sync-classroom",
            "room": "o-1",
            "peer": "host",
            "dir": "publish",
            "src": publish["source"],
            "kinds": ["audio", "video"],
            "nbf": seconds("08:45"),
            "exp": seconds("10:10"),
            "mk": True,
        }
    assert {k: given["subscribe"][k] for k in ("audio", "video")} == {"audio": 1, "video": 13}
    assert claims(given["subscribe"]["token"])["dir"] == "subscribe"


def test_seat_publishes_only_as_itself_and_makes_no_room(grants: Grants) -> None:
    seat = LESSON.seats[1]
    given = grants.of_seat(LESSON, seat)
    [publish] = given["publish"]
    assert publish["source"] == "seat"
    told = claims(publish["token"])
    assert (told["room"], told["peer"], told["dir"], told["src"]) == (
        "o-1",
        seat.id,
        "publish",
        "seat",
    )
    assert "mk" not in told
    heard = claims(given["subscribe"]["token"])
    assert (heard["room"], heard["peer"], heard["dir"]) == ("o-1", seat.id, "subscribe")
    assert {k: given["subscribe"][k] for k in ("audio", "video")} == {"audio": 2, "video": 3}


def test_same_lesson_gives_the_same_tokens_whenever_it_is_asked(grants: Grants) -> None:
    before = grants.of_seat(LESSON, LESSON.seats[0])
    CLOCK.turn(minutes=30)
    assert grants.of_seat(LESSON, LESSON.seats[0]) == before


def test_turn_credentials_end_with_the_tokens(tmp_path: Path) -> None:
    turn = Turn(("turn:turn.example?transport=udp", "turns:turn.example"), "s" * 16)
    minter = TokenMinter(tmp_path / "token.jwk")
    given = Grants(minter, relay_url="https://r", clock=CLOCK, zone=ZONE, turn=turn)
    seat = LESSON.seats[1]
    (server,) = given.of_seat(LESSON, seat)["ice_servers"]
    assert server["urls"] == list(turn.urls)
    assert server["username"] == f"{seconds('10:10')}:{seat.id}"
    assert server["credential"] == turn.credentials(seat.id, at("10:10"))[1]


def test_without_turn_servers_none_are_told(grants: Grants) -> None:
    assert grants.of_host(LESSON)["ice_servers"] == []


def test_check_room_is_heard_under_another_name_and_for_two_minutes(grants: Grants) -> None:
    CLOCK.now = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
    given = grants.of_check(ClassroomId("far-1-r1"))
    assert given["room"] == "check:far-1-r1"
    assert given["expires_at"] == "2026-11-23T08:02:00+08:00"
    [publish] = given["publish"]
    told, heard = claims(publish["token"]), claims(given["subscribe"]["token"])
    assert (told["room"], told["src"], told["mk"]) == ("check:far-1-r1", "camera", True)
    assert heard["room"] == "check:far-1-r1"
    assert heard["peer"] != told["peer"]
    assert told["exp"] - told["nbf"] == 180


def test_in_a_meeting_everybody_listens_and_who_has_a_place_sends(grants: Grants) -> None:
    listens = grants.of_meeting(LESSON, "t:a", sends=False)
    assert listens["publish"] == []
    assert (listens["subscribe"]["audio"], listens["subscribe"]["video"]) == MEETING_LINES
    sends = grants.of_meeting(LESSON, "t:a", sends=True)
    assert [g["source"] for g in sends["publish"]] == ["seat", "screen"]
