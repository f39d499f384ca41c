"""Every MUST of RFC 9725 and draft-ietf-wish-whep about sessions, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.relay.sdp import MAX_FRAGMENT_BYTES, parse_fragment
from sync_classroom.relay.whip import FRAGMENT, SDP
from tests.support.relays import RunningRelay, relay
from tests.support.sdp_offers import PUBLISH, PWD
from tests.support.whip_client import ROOM, TRICKLE, ask, host_token, publish, subscribe

pytestmark = pytest.mark.asyncio

RESTART = f"a=ice-ufrag:efgh\r\na=ice-pwd:{PWD}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningRelay]:
    async with relay(tmp_path, max_sessions=4) as started:
        yield started


# ---------------------------------------------------------------------------- PATCH


async def test_trickled_candidates_are_204(running: RunningRelay) -> None:
    got = await publish(running)
    where, tag = got.headers["Location"], got.headers["ETag"]
    for fragment in (TRICKLE, "a=end-of-candidates\r\n", "a=mid:0\r\na=end-of-candidates\r\n"):
        patched = await ask(
            running,
            "PATCH",
            where,
            token=host_token(running),
            body=fragment,
            kind=FRAGMENT,
            If_Match=f'"other", {tag}',
        )
        assert (patched.status, patched.body) == (204, "")
        assert "ETag" not in patched.headers


async def test_without_if_match_428(running: RunningRelay) -> None:
    got = await publish(running)
    patched = await ask(
        running,
        "PATCH",
        got.headers["Location"],
        token=host_token(running),
        body=TRICKLE,
        kind=FRAGMENT,
    )
    assert (patched.status, patched.code) == (428, "if_match_missing")


async def test_another_etag_is_412(running: RunningRelay) -> None:
    got = await publish(running)
    tag = got.headers["ETag"]
    for value in ('"other"', "", f"W/{tag}", tag.strip('"'), f'{tag[:-2]}"'):
        patched = await ask(
            running,
            "PATCH",
            got.headers["Location"],
            token=host_token(running),
            body=TRICKLE,
            kind=FRAGMENT,
            If_Match=value,
        )
        assert (patched.status, patched.code) == (412, "etag_outdated"), value


async def test_an_ice_restart_answers_200_with_new_credentials(running: RunningRelay) -> None:
    got = await publish(running)
    where, tag = got.headers["Location"], got.headers["ETag"]
    restarted = await ask(
        running,
        "PATCH",
        where,
        token=host_token(running),
        body=RESTART,
        kind=FRAGMENT,
        If_Match="*",
    )
    assert restarted.status == 200
    assert restarted.headers["Content-Type"] == FRAGMENT
    new = restarted.headers["ETag"]
    assert new not in {tag, ""}
    fragment = parse_fragment(restarted.body)
    assert fragment.ice_ufrag is not None
    assert f"a=ice-ufrag:{fragment.ice_ufrag}" not in got.body
    assert f"a=ice-pwd:{fragment.ice_pwd}" not in got.body
    assert fragment.candidates == 2  # one for UDP, one for TCP
    for value, status in ((tag, 412), (new, 204)):  # a candidate of the old generation is late
        late = await ask(
            running,
            "PATCH",
            where,
            token=host_token(running),
            body="a=end-of-candidates\r\n",
            kind=FRAGMENT,
            If_Match=value,
        )
        assert late.status == status


async def test_an_answer_and_its_restart_say_the_same_of_ice(running: RunningRelay) -> None:
    def said(text: str) -> list[str]:
        names = ("a=ice-lite", "a=ice-options", "a=ice-pacing")
        return [line for line in text.split("\r\n") if line.startswith(names)]

    got = await publish(running)
    restarted = await ask(
        running,
        "PATCH",
        got.headers["Location"],
        token=host_token(running),
        body=RESTART,
        kind=FRAGMENT,
        If_Match="*",
    )
    assert said(got.body) == said(restarted.body) == ["a=ice-lite", "a=ice-options:trickle ice2"]


async def test_candidates_that_cannot_be_used_are_passed_over(running: RunningRelay) -> None:
    got = await publish(running)
    strange = TRICKLE + (
        "a=candidate:2 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active\r\n"
        "a=candidate:3 1 udp 2122 no-such-name.invalid 5001 typ host\r\n"
        "a=candidate:rubbish\r\n"
    )
    patched = await ask(
        running,
        "PATCH",
        got.headers["Location"],
        token=host_token(running),
        body=strange,
        kind=FRAGMENT,
        If_Match=got.headers["ETag"],
    )
    assert patched.status == 204


async def test_a_failed_restart_leaves_the_session_as_it_was(running: RunningRelay) -> None:
    got = await publish(running)
    where, tag = got.headers["Location"], got.headers["ETag"]
    for body, kind, status in (
        ("a=ice-ufrag:efgh\r\n", FRAGMENT, 400),
        ("a=ice-ufrag:e\r\na=ice-pwd:short\r\n", FRAGMENT, 400),
        ("rubbish", FRAGMENT, 400),
        (b"\xff", FRAGMENT, 400),
        (RESTART, SDP, 415),
        ("a=x\r\n" * (MAX_FRAGMENT_BYTES // 5 + 1), FRAGMENT, 413),
    ):
        failed = await ask(
            running,
            "PATCH",
            where,
            token=host_token(running),
            body=body,
            kind=kind,
            If_Match="*",
        )
        assert failed.status == status
    still = await ask(
        running,
        "PATCH",
        where,
        token=host_token(running),
        body=TRICKLE,
        kind=FRAGMENT,
        If_Match=tag,
    )
    assert still.status == 204


async def test_patching_another_type_says_what_is_accepted(running: RunningRelay) -> None:
    got = await publish(running)
    patched = await ask(
        running,
        "PATCH",
        got.headers["Location"],
        token=host_token(running),
        body=TRICKLE,
        kind="application/json",
        If_Match="*",
    )
    assert (patched.status, patched.headers["Accept-Patch"]) == (415, FRAGMENT)


# ---------------------------------------------------------------------------- DELETE


async def test_deleting_ends_the_session(running: RunningRelay) -> None:
    got = await publish(running)
    where = got.headers["Location"]
    assert (await ask(running, "DELETE", where)).status == 401
    deleted = await ask(running, "DELETE", where, token=host_token(running))
    assert deleted.status == 200
    assert (await running.control.status(ROOM)).peers == ()
    for method in ("DELETE", "PATCH"):
        again = await ask(running, method, where, token=host_token(running))
        assert (again.status, again.code) == (404, "not_found")


async def test_deleting_looks_at_no_entity_tag(running: RunningRelay) -> None:
    where = (await publish(running)).headers["Location"]
    deleted = await ask(running, "DELETE", where, token=host_token(running), If_Match='"other"')
    assert deleted.status == 200


async def test_sessions_of_others_are_not_found(running: RunningRelay) -> None:
    published = await publish(running)
    subscribed = await subscribe(running, "seat-1")
    session = subscribed.headers["Location"].rsplit("/", 1)[1]
    other = running.token("subscribe", ROOM, "seat-2")
    for path, token in (
        (subscribed.headers["Location"], other),
        (f"/whip/{ROOM}/{session}", host_token(running)),
        (f"/whep/{ROOM}/unknown", other),
    ):
        got = await ask(running, "DELETE", path, token=token)
        assert (got.status, got.code) == (404, "not_found")
    elsewhere = running.token("publish", "lesson-2", "host", source="camera")
    path = published.headers["Location"].replace(ROOM, "lesson-2")
    assert (await ask(running, "DELETE", path, token=elsewhere)).status == 404
    assert len((await running.control.status(ROOM)).peers) == 2


# ---------------------------------------------------------------------------- other methods


async def test_preflights_need_no_token(running: RunningRelay) -> None:
    got = await ask(
        running,
        "OPTIONS",
        f"/whip/{ROOM}",
        Origin="https://class.example",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="authorization,content-type",
    )
    assert got.status == 200
    assert got.headers["Accept-Post"] == SDP
    assert "POST" in got.headers["Access-Control-Allow-Methods"]
    allowed = got.headers["Access-Control-Allow-Headers"].lower()
    assert {"authorization", "content-type", "if-match"} <= set(allowed.split(", "))
    got = await ask(running, "OPTIONS", f"/whep/{ROOM}/session")
    assert got.status == 200
    assert {"PATCH", "DELETE"} <= set(got.headers["Access-Control-Allow-Methods"].split(", "))
    assert got.headers["Accept-Patch"] == FRAGMENT


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_endpoint_has_nothing_to_read(running: RunningRelay, method: str) -> None:
    await publish(running)
    for path in (f"/whip/{ROOM}", f"/whep/{ROOM}", "/whip/no-such-room"):
        got = await ask(running, method, path)
        assert (got.status, got.body) == (204, "")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_session_has_nothing_to_read(running: RunningRelay, method: str) -> None:
    where = (await publish(running)).headers["Location"]
    got = await ask(running, method, where, token=host_token(running))
    assert (got.status, got.body) == (204, "")
    assert (await ask(running, method, where)).status == 401
    unknown = await ask(running, method, f"/whip/{ROOM}/unknown", token=host_token(running))
    assert unknown.status == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "PROPFIND"])
async def test_other_methods_of_an_endpoint_are_405(running: RunningRelay, method: str) -> None:
    for protocol in ("whip", "whep"):
        got = await ask(running, method, f"/{protocol}/{ROOM}")
        assert (got.status, got.headers["Allow"]) == (405, "GET, HEAD, POST, OPTIONS")


@pytest.mark.parametrize("method", ["PUT", "POST", "PROPFIND"])
async def test_other_methods_of_a_session_are_405(running: RunningRelay, method: str) -> None:
    got = await ask(running, method, f"/whip/{ROOM}/session")
    assert (got.status, got.headers["Allow"]) == (405, "GET, HEAD, PATCH, DELETE, OPTIONS")


@pytest.mark.parametrize(
    "path",
    ["/", "/whip", "/whip/", "/whip/a/b/c", "/status", "/whip/..%2Fx", "/whip/%20", "/whip/中"],
)
async def test_other_paths_are_404(running: RunningRelay, path: str) -> None:
    got = await ask(running, "POST", path, body=PUBLISH, kind=SDP)
    assert (got.status, got.code) == (404, "not_found")
