"""Every MUST of RFC 9725 and draft-ietf-wish-whep about endpoints, over real HTTP."""

from __future__ import annotations

import base64
import hmac
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sync_classroom.coordinator.ports import RoomSpec
from sync_classroom.coordinator.tokens import TokenMinter
from sync_classroom.relay.ingest_supervisor import Ingests
from sync_classroom.relay.sdp import MAX_OFFER_BYTES
from sync_classroom.relay.settings import RelaySettings
from sync_classroom.relay.whip import FRAGMENT, REMOTES_SLACK, SDP, Request, Signalling
from tests.support.media_peers import relay as media_relay
from tests.support.relays import RunningRelay, relay
from tests.support.sdp_offers import PUBLISH, SUBSCRIBE, media, offer
from tests.support.whip_client import ROOM, TRICKLE, Answer, ask, host_token, publish, subscribe

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningRelay]:
    async with relay(tmp_path, max_sessions=4) as started:
        yield started


# ---------------------------------------------------------------------------- POST


async def test_publishing_answers_201_with_everything(running: RunningRelay) -> None:
    got = await publish(running)
    assert got.status == 201
    assert got.headers["Content-Type"] == SDP
    assert got.headers["Accept-Patch"] == FRAGMENT
    tag = got.headers["ETag"]
    assert tag[0] == tag[-1] == '"'
    assert len(tag) > 10
    assert "Link" not in got.headers
    location = got.headers["Location"]
    assert location.startswith(f"/whip/{ROOM}/")
    assert "a=recvonly" in got.body
    assert f" 127.0.0.1 {running.info.media_port} typ host" in got.body
    (peer,) = (await running.control.status(ROOM)).peers
    assert (peer.peer, peer.direction, peer.source, peer.connected) == (
        "host",
        "publish",
        "camera",
        False,
    )


async def test_subscribing_answers_201_with_everything(running: RunningRelay) -> None:
    await publish(running)
    got = await subscribe(running)
    assert got.status == 201
    assert got.headers["Location"].startswith(f"/whep/{ROOM}/")
    assert got.headers["ETag"].startswith('"')
    assert "a=sendonly" in got.body
    assert "a=msid:" in got.body


async def test_a_content_type_may_have_parameters(running: RunningRelay) -> None:
    token = running.token("publish", ROOM, "host", source="camera", makes_room=True)
    got = await ask(
        running,
        "POST",
        f"/whip/{ROOM}",
        token=token,
        body=PUBLISH,
        kind="Application/SDP; charset=utf-8",
    )
    assert got.status == 201


async def test_turn_servers_are_handed_out_with_credentials_that_outlast_the_lesson(
    tmp_path: Path,
) -> None:
    urls = ("turn:turn.example:3478?transport=udp", "turns:turn.example:5349")
    secret = "shared with coturn"
    async with relay(tmp_path, turn_urls=urls, turn_secret=secret) as running:
        answered = await publish(running)
        links = answered.headers["Link"].split(", ")
        assert [link.partition(">")[0] for link in links] == [f"<{url}" for url in urls]
        told = re.search(r'"ice-server"; username="((\d+):host)"; credential="([^"]+)"', links[0])
        assert told is not None
        assert 7.9 * 3600 < int(told[2]) - time.time() < 8.1 * 3600
        expected = hmac.digest(secret.encode(), told[1].encode(), "sha1")
        assert base64.b64decode(told[3]) == expected
        assert "Link" in answered.headers["Access-Control-Expose-Headers"]
        assert secret not in repr(running.settings)


async def test_without_turn_servers_there_is_no_link(running: RunningRelay) -> None:
    assert "Link" not in (await publish(running)).headers


async def test_relayed_candidates_are_remembered_from_offer_and_fragment() -> None:
    line = "a=candidate:4 1 udp 41885439 198.51.100.7 {} typ relay raddr 0.0.0.0 rport 0\r\n"
    async with media_relay() as (endpoint, _):
        hosts = Ingests(lambda _room, _offer: None, None, None)
        signalling = Signalling(endpoint, None, RelaySettings(), wall=time.time, hosts=hosts)
        offered = Request(
            "POST", "/whip/x", {"content-type": SDP}, body=(PUBLISH + line.format(50000)).encode()
        )
        opened = signalling.answer(offered)
        session = endpoint.session(opened.headers["Location"].rpartition("/")[2])
        assert session is not None
        assert session.relayed == {("198.51.100.7", 50000)}
        trickled = Request(
            "PATCH",
            opened.headers["Location"],
            {"content-type": FRAGMENT, "if-match": "*"},
            body=(TRICKLE + line.format(50001)).encode(),
        )
        assert signalling.answer(trickled).status in (200, 204)
        assert session.relayed == {("198.51.100.7", 50000), ("198.51.100.7", 50001)}


async def test_sessions_that_ended_by_themselves_are_forgotten() -> None:
    async with media_relay() as (endpoint, _):
        hosts = Ingests(lambda _room, _offer: None, None, None)
        signalling = Signalling(endpoint, None, RelaySettings(), wall=time.time, hosts=hosts)
        most = 0
        for number in range(100):
            opened = signalling.answer(
                Request(
                    "POST", f"/whip/x{number % 3}", {"content-type": SDP}, body=PUBLISH.encode()
                )
            )
            assert opened.status == 201
            most = max(most, len(signalling._remotes))
            session = endpoint.session(opened.headers["Location"].rpartition("/")[2])
            assert session is not None
            assert session.id in signalling._remotes
            if number % 2:
                session.close("silent")
        assert most <= 2 * endpoint.session_count + REMOTES_SLACK + 2


async def test_a_tokens_kinds_bound_the_lines(running: RunningRelay) -> None:
    token = running.token(
        "publish", ROOM, "host", source="camera", kinds=["audio"], makes_room=True
    )
    got = await ask(running, "POST", f"/whip/{ROOM}", token=token, body=PUBLISH, kind=SDP)
    assert got.status == 201
    assert "m=video 0 " in got.body


@pytest.mark.parametrize("kind", [None, "application/json", "text/plain", FRAGMENT])
async def test_another_content_type_is_415(running: RunningRelay, kind: str | None) -> None:
    got = await ask(
        running, "POST", f"/whip/{ROOM}", token=host_token(running), body=PUBLISH, kind=kind
    )
    assert (got.status, got.code) == (415, "content_type")
    assert got.headers["Accept-Post"] == SDP


@pytest.mark.parametrize(
    "body",
    ["", "rubbish", "v=0\r\n", PUBLISH.replace("m=audio 9", "m=audio x"), b"v=0\r\n\xff\xfe"],
)
async def test_a_malformed_offer_is_400(running: RunningRelay, body: str | bytes) -> None:
    got = await ask(
        running, "POST", f"/whip/{ROOM}", token=host_token(running), body=body, kind=SDP
    )
    assert (got.status, got.code) == (400, "sdp_malformed")


async def test_an_offer_with_nothing_for_us_is_406(running: RunningRelay) -> None:
    for body in (SUBSCRIBE, PUBLISH.replace("opus", "G722").replace("H264", "AV1")):
        got = await ask(
            running, "POST", f"/whip/{ROOM}", token=host_token(running), body=body, kind=SDP
        )
        assert (got.status, got.code) == (406, "offer_not_acceptable")
    assert (await running.control.status()).rooms == ()  # a refused offer makes no room


@pytest.mark.parametrize(
    "body",
    [
        offer(media("audio", "0"), media("video", "1"), media("video", "2"), bundle="0 1 2"),
        PUBLISH.replace("H264", "AV1"),
        PUBLISH.replace("opus", "G722"),
        offer(media("audio", "0"), media("video", "1"), bundle="0"),
        offer(media("audio", "0"), media("video", "1", mux=False)),
    ],
    ids=["two cameras", "AV1", "G722", "outside BUNDLE", "without rtcp-mux"],
)
async def test_a_publisher_of_whom_a_part_would_be_lost_is_422(
    running: RunningRelay, body: str
) -> None:
    token = running.token("publish", ROOM, "host", source="camera", makes_room=True)
    got = await ask(running, "POST", f"/whip/{ROOM}", token=token, body=body, kind=SDP)
    assert (got.status, got.code) == (422, "offer_partly_acceptable")
    assert (await running.control.status()).rooms == ()


async def test_lines_nobody_would_miss_do_not_refuse_a_publisher(running: RunningRelay) -> None:
    data = media(
        "application",
        "2",
        protocol="UDP/DTLS/SCTP",
        formats="webrtc-datachannel",
        codecs=("a=sctp-port:5000",),
        mux=False,
    )
    unused = media("video", "3", port=0)
    watched = media("video", "4", direction="recvonly")
    body = offer(media("audio", "0"), media("video", "1"), data, unused, watched, bundle="0 1 2 4")
    token = running.token("publish", ROOM, "host", source="camera", makes_room=True)
    got = await ask(running, "POST", f"/whip/{ROOM}", token=token, body=body, kind=SDP)
    assert got.status == 201
    assert got.body.count(" 0 UDP/") == 3


async def test_a_subscriber_is_served_what_there_is(running: RunningRelay) -> None:
    await publish(running)
    body = SUBSCRIBE.replace("H264", "AV1")
    token = running.token("subscribe", ROOM, "seat-1")
    got = await ask(running, "POST", f"/whep/{ROOM}", token=token, body=body, kind=SDP)
    assert got.status == 201
    assert "m=video 0 " in got.body


async def test_session_addresses_cannot_be_guessed(running: RunningRelay) -> None:
    seen = {(await publish(running)).headers["Location"].rsplit("/", 1)[1] for _ in range(8)}
    assert len(seen) == 8
    assert {len(name) for name in seen} == {16}  # 96 random bits in base64url


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [MAX_OFFER_BYTES + 1, 10 * 1024 * 1024])
async def test_a_body_that_is_too_large_is_413(
    running: RunningRelay, size: int, chunked: bool
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(0, size, 65536):
            yield b"x" * 65536

    async with running.http.post(
        f"{running.url}/whip/{ROOM}",
        data=chunks() if chunked else BytesIO(b"x" * size),
        headers={"Content-Type": SDP, "Authorization": f"Bearer {host_token(running)}"},
    ) as response:
        got = Answer(response.status, response.headers, await response.text())
    assert (got.status, got.code) == (413, "body_too_large")
    assert (await publish(running)).status == 201


async def test_the_largest_body_is_read(running: RunningRelay) -> None:
    filler = "a=x:" + "y" * 94 + "\r\n"
    body = PUBLISH + filler * ((MAX_OFFER_BYTES - len(PUBLISH)) // len(filler))
    assert MAX_OFFER_BYTES - len(body) < len(filler)
    token = running.token("publish", ROOM, "host", source="camera", makes_room=True)
    got = await ask(running, "POST", f"/whip/{ROOM}", token=token, body=body, kind=SDP)
    assert got.status == 201


# ---------------------------------------------------------------------------- who asks


async def test_without_a_token_401_asks_for_one(running: RunningRelay) -> None:
    for headers in ({}, {"Authorization": "Basic aG9zdDpob3N0"}, {"Authorization": "Bearer"}):
        got = await ask(running, "POST", f"/whip/{ROOM}", body=PUBLISH, kind=SDP, **headers)
        assert got.status == 401
        assert got.headers["WWW-Authenticate"].startswith('Bearer realm="sync-classroom"')


async def test_a_bad_token_is_401_invalid_token(running: RunningRelay, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    foreign = TokenMinter(tmp_path / "foreign.json").publish(
        ROOM, "host", "camera", not_before=now, expires=now + timedelta(hours=1)
    )
    past = {"not_before": now - timedelta(hours=2), "expires": now - timedelta(seconds=10)}
    future = {"not_before": now + timedelta(hours=1), "expires": now + timedelta(hours=2)}
    expired = running.minter.publish(ROOM, "host", "camera", **past)
    early = running.minter.publish(ROOM, "host", "camera", **future)
    for token in ("rubbish", foreign, expired, early):
        got = await ask(running, "POST", f"/whip/{ROOM}", token=token, body=PUBLISH, kind=SDP)
        assert (got.status, got.code) == (401, "token_invalid")
        assert got.headers["WWW-Authenticate"].endswith('error="invalid_token"')


async def test_a_token_for_something_else_is_403(running: RunningRelay) -> None:
    await publish(running)
    seat = running.token("publish", ROOM, "seat-1", source="seat")
    listener = running.token("subscribe", ROOM, "seat-1")
    for path, token, code in (
        ("/whip/lesson-2", host_token(running), "token_room"),
        (f"/whep/{ROOM}", host_token(running), "token_direction"),
        (f"/whip/{ROOM}", listener, "token_direction"),
        (f"/whip/{ROOM}?source=camera", seat, "token_source"),
        (f"/whip/{ROOM}?peer=host", seat, "token_peer"),
    ):
        got = await ask(running, "POST", path, token=token, body=PUBLISH, kind=SDP)
        assert (got.status, got.code) == (403, code)
        assert got.headers["WWW-Authenticate"].endswith('error="insufficient_scope"')
    got = await ask(running, "POST", f"/whip/{ROOM}", token=seat, body=PUBLISH, kind=SDP)
    assert got.status == 201
    sources = {peer.source for peer in (await running.control.status(ROOM)).peers}
    assert sources == {"camera", "seat:seat-1"}


# ---------------------------------------------------------------------------- rooms and limits


async def test_subscribing_to_nothing_live_is_409_with_retry_after(running: RunningRelay) -> None:
    got = await subscribe(running)
    assert (got.status, got.code) == (409, "nothing_live")
    assert int(got.headers["Retry-After"]) >= 1
    await running.control.put_room(RoomSpec(ROOM))
    got = await subscribe(running)
    assert (got.status, got.code) == (409, "nothing_live")


async def test_a_token_that_may_not_make_the_room_gets_404(running: RunningRelay) -> None:
    got = await ask(
        running, "POST", f"/whip/{ROOM}", token=host_token(running), body=PUBLISH, kind=SDP
    )
    assert (got.status, got.code) == (404, "room_unknown")
    await running.control.put_room(RoomSpec(ROOM))
    got = await ask(
        running, "POST", f"/whip/{ROOM}", token=host_token(running), body=PUBLISH, kind=SDP
    )
    assert got.status == 201


async def test_a_full_relay_is_503_with_retry_after(running: RunningRelay) -> None:
    await publish(running)
    for number in range(3):
        assert (await subscribe(running, f"seat-{number}")).status == 201
    got = await subscribe(running, "seat-9")
    assert (got.status, got.code) == (503, "relay_full")
    assert int(got.headers["Retry-After"]) >= 1
    assert (await subscribe(running, "seat-1")).status == 201  # takes the place of its old one


async def test_a_draining_relay_takes_no_new_room(running: RunningRelay) -> None:
    await publish(running)
    await running.control.drain()
    got = await publish(running, "lesson-2")
    assert (got.status, got.code) == (503, "relay_draining")
    assert "Retry-After" in got.headers
    assert (await subscribe(running)).status == 201


async def test_one_session_per_peer_direction_and_source(running: RunningRelay) -> None:
    first, second = await publish(running), await publish(running)
    assert second.status == 201
    got = await ask(running, "DELETE", first.headers["Location"], token=host_token(running))
    assert got.status == 404
    assert len((await running.control.status(ROOM)).peers) == 1


# ---------------------------------------------------------------------------- open mode


async def test_open_mode_believes_the_query(tmp_path: Path) -> None:
    async with relay(tmp_path, open_mode=True) as running:
        sent: dict[str, Any] = {"body": PUBLISH, "kind": SDP}
        for query in ("", "?source=screen", "?peer=seat-1", "?peer=seat-2&source=seat"):
            assert (await ask(running, "POST", f"/whip/{ROOM}{query}", **sent)).status == 201
        subscriber: dict[str, Any] = {"body": SUBSCRIBE, "kind": SDP}
        for query in ("", "", "?peer=seat-1"):
            assert (await ask(running, "POST", f"/whep/{ROOM}{query}", **subscriber)).status == 201
        peers = (await running.control.status(ROOM)).peers
        published = {(p.peer, p.source) for p in peers if p.direction == "publish"}
        assert published == {
            ("host", "camera"),
            ("host", "screen"),
            ("seat-1", "seat:seat-1"),
            ("seat-2", "seat:seat-2"),
        }
        viewers = sorted(p.peer for p in peers if p.direction == "subscribe")
        assert viewers[0] == "seat-1"
        assert all(peer.startswith("viewer:") for peer in viewers[1:])
        assert len(set(viewers)) == 3


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?source=camera&peer=seat-1", "source_invalid"),
        ("?source=seat", "source_invalid"),
        ("?source=rubbish", "source_invalid"),
        ("?peer=viewer:1", "source_invalid"),
        ("?peer=a%20b", "peer_invalid"),
    ],
)
async def test_open_mode_refuses_names_that_do_not_fit(
    tmp_path: Path, query: str, code: str
) -> None:
    async with relay(tmp_path, open_mode=True) as running:
        got = await ask(running, "POST", f"/whip/{ROOM}{query}", body=PUBLISH, kind=SDP)
        assert (got.status, got.code) == (400, code)


async def test_a_hosts_thirteen_pictures_are_answered(tmp_path: Path) -> None:
    async with relay(tmp_path, open_mode=True) as running:
        await ask(running, "POST", f"/whip/{ROOM}", body=PUBLISH, kind=SDP)
        sections = [media("audio", "0", direction="recvonly")]
        sections += [media("video", str(mid), direction="recvonly") for mid in range(1, 14)]
        body = offer(*sections, bundle=" ".join(map(str, range(14))))
        got = await ask(running, "POST", f"/whep/{ROOM}?peer=host", body=body, kind=SDP)
        assert got.status == 201
        assert got.body.count("a=sendonly") == 14
