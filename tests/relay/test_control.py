"""The control API over its Unix socket and over loopback TCP, against a real relay."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from aiohttp.connector import UnixConnector

from sync_classroom.coordinator.tokens import TokenMinter
from sync_classroom.relay.control import MAX_CONTROL_BYTES, MAX_LAYOUTS, MAX_SLOTS, parse_layouts
from sync_classroom.relay.room import Layout
from sync_classroom.relay.settings import Listen
from sync_classroom.relay.whip import SDP, HttpProblem
from tests.support.relays import RunningRelay, relay
from tests.support.sdp_offers import PUBLISH, SUBSCRIBE

pytestmark = pytest.mark.asyncio

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "relay-interface.md"
SOURCES = ROOT / "sync_classroom" / "relay"
LAYOUT = {"audio": ["camera", None], "video": ["camera", "screen", "seat:seat-1"]}


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningRelay]:
    async with relay(tmp_path) as started:
        yield started


@pytest_asyncio.fixture
async def wire(running: RunningRelay) -> AsyncIterator[ClientSession]:
    """Raw HTTP on the control socket."""
    async with ClientSession(
        base_url="http://relay", connector=UnixConnector(str(running.settings.control))
    ) as session:
        yield session


def mode(path: object) -> int | None:
    assert isinstance(path, Path)
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


async def call(
    wire: ClientSession, method: str, path: str, body: object = None, **more: Any
) -> tuple[int, Any]:
    async with wire.request(method, path, json=body, **more) as response:
        text = await response.text()
        return response.status, json.loads(text) if text else None


async def publish(running: RunningRelay, peer: str = "host", source: str = "camera") -> str:
    token = running.token("publish", "lesson-1", peer, source=source, makes_room=True)
    async with running.http.post(
        f"{running.url}/whip/lesson-1",
        data=PUBLISH,
        headers={"Content-Type": SDP, "Authorization": f"Bearer {token}"},
    ) as response:
        assert response.status == 201
        return response.headers["Location"]


async def test_the_socket_is_its_owners_and_goes_with_the_relay(tmp_path: Path) -> None:
    async with relay(tmp_path) as running:
        assert mode(running.settings.control) == 0o600
    assert mode(running.settings.control) is None


async def test_status_has_every_documented_field(
    running: RunningRelay, wire: ClientSession
) -> None:
    await publish(running)
    status, got = await call(wire, "GET", "/status")
    assert status == 200
    peers = got.pop("peers")
    assert got == {
        "relay": "relay-1",
        "boot": running.info.boot,
        "pid": running.info.pid,
        "version": running.info.version,
        "settings": "",
        "media_port": running.info.media_port,
        "http_port": running.info.http_port,
        "draining": False,
        "load": 0.0,
        "busy": False,
        "rooms": ["lesson-1"],
        "ingests": [],
    }
    (peer,) = peers
    session = peer.pop("session")
    assert session
    assert peer == {
        "room": "lesson-1",
        "peer": "host",
        "direction": "publish",
        "source": "camera",
        "connected": False,
        "path": "udp",
        "rtt_ms": None,
        "packets": 0,
        "bytes": 0,
        "loss": None,
        "jitter_ms": None,
        "last_media_s": None,
        "layers": [],
        "level": None,
    }


async def test_status_can_be_of_one_room(running: RunningRelay, wire: ClientSession) -> None:
    await publish(running)
    assert (await call(wire, "PUT", "/rooms/lesson-2", {"layouts": {}}))[0] == 204
    _, got = await call(wire, "GET", "/status?room=lesson-2")
    assert (got["rooms"], got["peers"]) == (["lesson-2"], [])
    _, got = await call(wire, "GET", "/status?room=lesson-1")
    assert (got["rooms"], len(got["peers"])) == (["lesson-1"], 1)


async def test_rooms_are_made_rerouted_and_deleted(
    running: RunningRelay, wire: ClientSession
) -> None:
    for layouts in ({"*": LAYOUT}, {"*": LAYOUT, "host": LAYOUT, "seat-1": {}}, {}):
        assert await call(wire, "PUT", "/rooms/lesson-1", {"layouts": layouts}) == (204, None)
    await publish(running)
    await publish(running, "seat-1", "seat")
    assert await call(wire, "DELETE", "/rooms/lesson-1") == (204, None)
    _, got = await call(wire, "GET", "/status")
    assert (got["rooms"], got["peers"]) == ([], [])
    assert await call(wire, "DELETE", "/rooms/lesson-1") == (204, None)  # unknown is fine


async def test_a_peer_is_dropped_and_the_others_are_not(
    running: RunningRelay, wire: ClientSession
) -> None:
    await publish(running)
    await publish(running, "seat-1", "seat")
    assert (await call(wire, "DELETE", "/rooms/lesson-1/peers/seat-1"))[0] == 204
    _, got = await call(wire, "GET", "/status")
    assert [peer["peer"] for peer in got["peers"]] == ["host"]
    assert (await call(wire, "DELETE", "/rooms/nowhere/peers/nobody"))[0] == 204


async def test_the_journal_is_paged_and_confirmed(
    running: RunningRelay, wire: ClientSession
) -> None:
    status, page = await call(wire, "GET", "/journal")
    assert (status, page["more"]) == (200, False)
    (boot,) = page["records"]
    assert (boot["kind"], boot["id"]) == ("boot", f"relay-1:{running.info.boot}:1")
    _, after = await call(wire, "GET", f"/journal?after={page['cursor']}&limit=1")
    assert (after["records"], after["cursor"]) == ([], page["cursor"])
    confirmed = await call(wire, "POST", "/journal/confirm", {"cursor": page["cursor"]})
    assert confirmed == (204, None)


async def test_keys_are_replaced(
    running: RunningRelay, wire: ClientSession, tmp_path: Path
) -> None:
    other = TokenMinter(tmp_path / "other.json")
    assert (await call(wire, "PUT", "/keys", {"keys": other.public_keys()}))[0] == 204
    with pytest.raises(AssertionError):
        await publish(running)
    running.minter = other
    await publish(running)


async def test_each_owner_replaces_its_own_keys_only(
    running: RunningRelay, wire: ClientSession, tmp_path: Path
) -> None:
    other = TokenMinter(tmp_path / "other.json")
    assert (await call(wire, "PUT", "/keys/b1", {"keys": other.public_keys()}))[0] == 204
    starter, running.minter = running.minter, other
    await publish(running)
    running.minter = starter
    await publish(running)
    assert (await call(wire, "PUT", "/keys/b1", {"keys": []}))[0] == 204
    await publish(running)
    running.minter = other
    with pytest.raises(AssertionError):
        await publish(running)


async def test_a_drained_relay_takes_no_new_rooms(
    running: RunningRelay, wire: ClientSession
) -> None:
    await call(wire, "PUT", "/rooms/lesson-1", {"layouts": {}})
    assert await call(wire, "POST", "/drain") == (204, None)
    assert (await call(wire, "PUT", "/rooms/lesson-1", {"layouts": {"*": LAYOUT}}))[0] == 204
    status, got = await call(wire, "PUT", "/rooms/lesson-2", {"layouts": {}})
    assert (status, got["code"]) == (503, "relay_draining")
    _, got = await call(wire, "GET", "/status")
    assert (got["draining"], got["rooms"]) == (True, ["lesson-1"])
    assert (await call(wire, "GET", "/readyz"))[0] == 503
    assert await call(wire, "DELETE", "/drain") == (204, None)
    assert (await call(wire, "PUT", "/rooms/lesson-2", {"layouts": {}}))[0] == 204
    assert (await call(wire, "GET", "/readyz"))[0] == 200


async def test_health_and_metrics(running: RunningRelay, wire: ClientSession) -> None:
    live = {"boot": running.info.boot, "draining": False}
    assert await call(wire, "GET", "/healthz") == (200, live)
    assert await call(wire, "GET", "/readyz") == (200, live | {"busy": False})
    async with wire.get("/metrics") as response:
        assert response.status == 200
        assert "sync_classroom_relay_rooms 0.0" in await response.text()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/rooms/a%20b", {"layouts": {}}),
        ("PUT", "/rooms/x", []),
        ("PUT", "/rooms/x", {"layouts": []}),
        ("PUT", "/rooms/x", {"ingest": 5}),
        ("PUT", "/rooms/x", {"ingest": "http://user:pw@host/"}),
        ("PUT", "/rooms/x", {"layouts": {"a b": LAYOUT}}),
        ("PUT", "/rooms/x", {"layouts": {"*": []}}),
        ("PUT", "/rooms/x", {"layouts": {"*": {"smell": []}}}),
        ("PUT", "/rooms/x", {"layouts": {"*": {"audio": "camera"}}}),
        ("PUT", "/rooms/x", {"layouts": {"*": {"audio": ["seat"]}}}),
        ("PUT", "/rooms/x", {"layouts": {"*": {"audio": [5]}}}),
        ("DELETE", "/rooms/x/peers/%20", None),
        ("GET", "/journal?after=rubbish", None),
        ("GET", "/journal?limit=0", None),
        ("GET", "/journal?limit=5001", None),
        ("GET", "/journal?limit=x", None),
        ("GET", "/journal?limit=99999999999999999999", None),
        ("POST", "/journal/confirm", {}),
        ("POST", "/journal/confirm", {"cursor": 5}),
        ("PUT", "/keys", {}),
        ("PUT", "/keys/b%20", {"keys": []}),
        ("PUT", "/keys", {"keys": ["x"]}),
        ("PUT", "/keys", {"keys": [{"kty": "oct"}]}),
        ("PUT", "/keys", {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA"}]}),
    ],
)
async def test_bad_requests_are_400_and_change_nothing(
    running: RunningRelay, wire: ClientSession, method: str, path: str, body: object
) -> None:
    status, got = await call(wire, method, path, body)
    assert (status, got["code"]) == (400, "request_invalid")
    assert got["zh"]
    assert got["en"]
    assert set(got) == {"code", "zh", "en"}
    assert (await call(wire, "GET", "/status"))[1]["rooms"] == []
    await publish(running)  # the keys are still the old ones


async def test_rubbish_bodies(wire: ClientSession) -> None:
    for data in (b"{", b"[" * 100_000, b"\xff\xfe"):
        async with wire.put("/rooms/x", data=data) as response:
            assert response.status == 400
    async with wire.put("/rooms/x", data=BytesIO(b"x" * (MAX_CONTROL_BYTES + 1))) as response:
        assert response.status == 413


async def test_unknown_paths_and_methods(wire: ClientSession) -> None:
    assert (await call(wire, "GET", "/nothing"))[0] == 404
    async with wire.post("/status") as response:
        assert (response.status, response.headers["Allow"]) == (405, "GET")
    async with wire.get("/rooms/x") as response:
        assert (response.status, response.headers["Allow"]) == (405, "PUT, DELETE")


async def test_loopback_tcp_asks_for_the_secret(tmp_path: Path) -> None:
    secret = "a-secret-of-good-length"
    async with relay(tmp_path, control=Listen("127.0.0.1", 0), control_secret=secret) as running:
        base = f"http://{running.info.control}"
        headers: dict[str, str]
        for headers, status in (
            ({}, 401),
            ({"Authorization": "Bearer wrong"}, 401),
            ({"Authorization": "Bearer "}, 401),
            ({"Authorization": f"Basic {secret}"}, 401),
            ({"Authorization": "Bearer \u4e2d".encode().decode("latin-1")}, 401),
            ({"Authorization": f"Bearer {secret}"}, 200),
        ):
            for path in ("/status", "/metrics", "/healthz"):
                async with running.http.get(base + path, headers=headers) as response:
                    assert response.status == status
                    assert ("WWW-Authenticate" in response.headers) is (status == 401)


async def test_subscribers_are_refused_until_somebody_publishes(running: RunningRelay) -> None:
    token = running.token("subscribe", "lesson-1", "seat-1")
    headers = {"Content-Type": SDP, "Authorization": f"Bearer {token}"}
    url = f"{running.url}/whep/lesson-1"
    await running.control.drain()
    async with running.http.post(url, data=SUBSCRIBE, headers=headers) as response:
        assert response.status == 409


async def test_layouts_are_bounded() -> None:
    full = {"audio": ["camera"] * MAX_SLOTS}
    assert parse_layouts({"*": full}) == {"*": Layout(("camera",) * MAX_SLOTS, ())}
    assert parse_layouts({"seat-1": LAYOUT}) == {
        "seat-1": Layout(("camera", None), ("camera", "screen", "seat:seat-1"))
    }
    shown = {"video": ["camera", "seat:s1"], "heights": [None, 180]}
    assert parse_layouts({"host": shown}) == {
        "host": Layout((), ("camera", "seat:s1"), (None, 180))
    }
    for value in (
        {"*": {"heights": [180] * (MAX_SLOTS + 1)}},
        {"*": {"heights": 180}},
        {"*": {"heights": [0]}},
        {"*": {"heights": ["180"]}},
        {"*": {"heights": [True]}},
        {"*": {"heights": [10**6]}},
        {"*": {"audio": ["camera"] * (MAX_SLOTS + 1)}},
        {f"p{n}": {} for n in range(MAX_LAYOUTS + 1)},
    ):
        with pytest.raises(HttpProblem):
            parse_layouts(value)


async def test_the_document_names_every_route_and_code() -> None:
    document = DOCUMENT.read_text("utf-8")
    names = ("whip.py", "refusals.py", "control.py", "server.py", "tokens.py")
    sources = [SOURCES / name for name in names]
    code = "".join(path.read_text("utf-8") for path in sources)
    codes = set(re.findall(r'\(\s*4\d\d,\s*"([a-z_]+)"', code)) | set(
        re.findall(r'_(?:forbidden|invalid)\(\s*"(token_[a-z]+)"', code)
    )
    assert {"token_missing", "token_room", "sdp_malformed", "if_match_missing"} <= codes
    assert sorted(found for found in codes if f"`{found}`" not in document) == []
    unnamed = re.sub(r"\{[a-z]+\}", "{}", document)
    for pattern in re.findall(r're\.compile\(r"(/[^"]+)"\), \{', code):
        path = pattern.replace("([^/]+)", "{}")
        assert f"{path}`" in unnamed or f"{path}?" in unnamed, path


# ---------------------------------------------------------------------------- recordings


async def test_recordings_are_started_shown_and_stopped(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    async with (
        relay(tmp_path, recording_dir=folder, recording_min_free_mb=0) as running,
        ClientSession(
            base_url="http://relay", connector=UnixConnector(str(running.settings.control))
        ) as wire,
    ):
        await call(wire, "PUT", "/rooms/lesson-1", {"layouts": {}})
        body = {"room": "lesson-1", "sources": ["camera", "seat:seat-1"]}
        status, answer = await call(wire, "PUT", "/recordings/lesson-1", body)
        assert (status, answer["state"], answer["room"]) == (200, "recording", "lesson-1")
        assert set(answer) <= documented("recording")
        assert (await call(wire, "PUT", "/recordings/lesson-1", body))[0] == 200
        status, answer = await call(wire, "GET", "/recordings?state=recording")
        assert answer["recordings"] == [{"id": "lesson-1", "state": "recording"}]
        assert set(answer["storage"]) == {"folder", "free_bytes", "used_bytes", "full"}
        assert answer["storage"]["folder"] == str(folder)
        assert (await call(wire, "POST", "/recordings/lesson-1/stop"))[0] == 200
        status, answer = await call(wire, "GET", "/recordings/lesson-1")
        assert answer["state"] in {"finishing", "saved"}


def documented(kind: str) -> set[str]:
    """The words in code font of the document's section on recordings."""
    section = DOCUMENT.read_text("utf-8").partition("## Recordings")[2].partition("\n## ")[0]
    assert kind in section
    return set(re.findall(r"[a-z_0-9]+", section))


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("PUT", "/recordings/a", {}, 400, "request_invalid"),
        ("PUT", "/recordings/a", {"room": "../x"}, 400, "request_invalid"),
        ("PUT", "/recordings/..%2fa", {"room": "x"}, 400, "request_invalid"),
        ("PUT", "/recordings/a", {"room": "x", "sources": ["etc"]}, 400, "request_invalid"),
        ("GET", "/recordings?state=lost", None, 400, "request_invalid"),
        ("GET", "/recordings/%2e%2e", None, 404, "not_found"),
        ("GET", "/recordings/nobody", None, 404, "recording_unknown"),
        ("POST", "/recordings/nobody/stop", None, 404, "recording_unknown"),
        ("DELETE", "/recordings/nobody", None, 405, "method_not_allowed"),
    ],
)
async def test_bad_requests_for_recordings_are_refused(
    tmp_path: Path, method: str, path: str, body: object, status: int, code: str
) -> None:
    async with (
        relay(tmp_path, recording_dir=tmp_path / "recordings") as running,
        ClientSession(
            base_url="http://relay", connector=UnixConnector(str(running.settings.control))
        ) as wire,
    ):
        got, answer = await call(wire, method, path, body)
        assert (got, answer["code"]) == (status, code)


async def test_a_relay_without_a_folder_and_a_full_disk_say_so(tmp_path: Path) -> None:
    for more, expected in (
        ({}, (409, "recording_off")),
        (
            {"recording_dir": tmp_path / "recordings", "recording_min_free_mb": 10**9},
            (507, "recording_disk_full"),
        ),
    ):
        async with (
            relay(tmp_path, **more) as running,
            ClientSession(
                base_url="http://relay", connector=UnixConnector(str(running.settings.control))
            ) as wire,
        ):
            status, answer = await call(wire, "PUT", "/recordings/a", {"room": "x"})
            assert (status, answer["code"]) == expected
            assert answer["zh"]
