"""Live and ready are two questions."""

from __future__ import annotations

import json

import pytest

from sync_classroom.relay.entrance import DRAINING_RETRY_S, Entrance
from sync_classroom.relay.health import Health
from sync_classroom.relay.load import BUSY_RETRY_S
from sync_classroom.relay.settings import RelaySettings
from sync_classroom.relay.whip import Request


def asked(entrance: Entrance, path: str) -> tuple[int, str | None, dict[str, object]]:
    reply = Health(entrance, "b1").answer(Request("GET", path))
    assert reply is not None
    return reply.status, reply.headers.get("Retry-After"), json.loads(reply.body)


def test_a_relay_at_ease_is_live_and_ready() -> None:
    entrance = Entrance(RelaySettings())
    assert asked(entrance, "/healthz") == (200, None, {"boot": "b1", "draining": False})
    ready = {"boot": "b1", "draining": False, "busy": False}
    assert asked(entrance, "/readyz") == (200, None, ready)


def test_a_busy_relay_is_live_but_not_ready() -> None:
    entrance = Entrance(RelaySettings(max_load=0.5))
    entrance.gate.heed(0.9)
    status, retry, body = asked(entrance, "/readyz")
    assert (status, retry, body["busy"]) == (503, str(BUSY_RETRY_S), True)
    assert asked(entrance, "/healthz")[0] == 200


def test_a_draining_relay_is_live_but_not_ready() -> None:
    entrance = Entrance(RelaySettings())
    entrance.drain.begin(0.0)
    status, retry, body = asked(entrance, "/readyz")
    assert (status, retry, body["draining"]) == (503, str(DRAINING_RETRY_S), True)
    assert asked(entrance, "/healthz") == (200, None, {"boot": "b1", "draining": True})


@pytest.mark.parametrize("request_", [Request("POST", "/healthz"), Request("GET", "/health")])
def test_other_requests_are_not_its_own(request_: Request) -> None:
    assert Health(Entrance(RelaySettings()), "b1").answer(request_) is None
