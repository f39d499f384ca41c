"""Refusals as values: statuses, codes, and when to come again. test_whip.py has them over HTTP."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_classroom.relay.refusals import (
    INGEST_RETRY_S,
    RETRY_S,
    HttpProblem,
    check_whole,
    host_is_ingested,
    not_found,
    refusal,
)
from sync_classroom.relay.sdp import parse_offer
from sync_classroom.relay.session import Direction, SessionRefusedError
from sync_classroom.relay.tokens import KINDS, Grant
from tests.support.sdp_offers import PUBLISH, media, offer

GRANT = Grant("room", "host", Direction.PUBLISH, "camera", KINDS, True)


@pytest.mark.parametrize(
    ("code", "direction", "retry_s", "status", "answered", "after"),
    [
        ("nothing_live", Direction.SUBSCRIBE, 3, 409, "nothing_live", "3"),
        ("room_unknown", Direction.SUBSCRIBE, None, 409, "nothing_live", str(RETRY_S)),
        ("room_unknown", Direction.PUBLISH, None, 404, "room_unknown", str(RETRY_S)),
        ("full", Direction.PUBLISH, 30, 503, "relay_full", "30"),
        ("draining", Direction.PUBLISH, None, 503, "relay_draining", str(RETRY_S)),
        ("something_new", Direction.PUBLISH, None, 503, "something_new", str(RETRY_S)),
    ],
)
def test_the_endpoints_refusals_become_http(
    code: str, direction: Direction, retry_s: int | None, status: int, answered: str, after: str
) -> None:
    no = refusal(SessionRefusedError(code, "words", retry_s), direction)
    assert (no.status, no.code, no.headers["Retry-After"]) == (status, answered, after)
    assert no.zh
    assert no.en


def test_a_camera_that_a_recording_host_has_is_asked_for_again() -> None:
    no = host_is_ingested()
    assert (no.status, no.code) == (409, "ingest_live")
    assert no.headers["Retry-After"] == str(INGEST_RETRY_S)
    assert (not_found().status, not_found().code) == (404, "not_found")


def test_only_what_would_be_missed_refuses_a_publisher() -> None:
    check_whole(parse_offer(PUBLISH, Direction.PUBLISH), GRANT)
    two = offer(media("audio", "0"), media("video", "1"), media("video", "2"), bundle="0 1 2")
    parsed = parse_offer(two, Direction.PUBLISH)
    with pytest.raises(HttpProblem) as caught:
        check_whole(parsed, GRANT)
    assert (caught.value.status, caught.value.code) == (422, "offer_partly_acceptable")
    check_whole(parsed, replace(GRANT, kinds=frozenset({"audio"})))
    check_whole(parsed, replace(GRANT, direction=Direction.SUBSCRIBE))
