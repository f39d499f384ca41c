"""A WHIP and WHEP client of plain HTTP, for tests of what is answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sync_classroom.relay.whip import SDP
from tests.support.relays import RunningRelay
from tests.support.sdp_offers import PUBLISH, PWD, SUBSCRIBE

ROOM = "lesson-1"
TRICKLE = (
    f"a=ice-ufrag:abcd\r\na=ice-pwd:{PWD}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
    "a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\n"
)


class Answer:
    """A whole HTTP answer. Every answer has to be readable by a page of another origin."""

    def __init__(self, status: int, headers: Mapping[str, str], body: str) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        assert headers["Access-Control-Allow-Origin"] == "*"
        exposed = headers["Access-Control-Expose-Headers"]
        assert {"Location", "ETag", "Link"} <= set(exposed.split(", "))

    @property
    def code(self) -> str:
        assert self.headers["Content-Type"] == "application/problem+json"
        found = json.loads(self.body)
        assert found["status"] == self.status
        assert found["zh"]
        assert found["en"]
        return str(found["code"])


async def ask(
    running: RunningRelay,
    method: str,
    path: str,
    *,
    token: str | None = None,
    body: str | bytes | None = None,
    kind: str | None = None,
    **headers: str,
) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    if kind is not None:
        sent["Content-Type"] = kind
    data = body.encode() if isinstance(body, str) else body
    async with running.http.request(
        method, running.url + path, headers=sent, data=data, skip_auto_headers=["Content-Type"]
    ) as response:
        return Answer(response.status, response.headers, (await response.read()).decode())


async def publish(running: RunningRelay, room: str = ROOM, **more: Any) -> Answer:
    token = running.token("publish", room, "host", source="camera", makes_room=True)
    return await ask(running, "POST", f"/whip/{room}", token=token, body=PUBLISH, kind=SDP, **more)


async def subscribe(running: RunningRelay, peer: str = "seat-1", room: str = ROOM) -> Answer:
    token = running.token("subscribe", room, peer)
    return await ask(running, "POST", f"/whep/{room}", token=token, body=SUBSCRIBE, kind=SDP)


def host_token(running: RunningRelay) -> str:
    return running.token("publish", ROOM, "host", source="camera")
