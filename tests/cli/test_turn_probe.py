"""A real coturn, tried as terminals will use it, and each way it can be wrong."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync_classroom.cli.turn_probe import probe
from sync_classroom.domain.turn import Turn
from tests.support.coturn import SECRET, coturn
from tests.support.ports import free_port

pytestmark = pytest.mark.asyncio


def now() -> datetime:
    return datetime.now(UTC)


async def test_every_way_to_a_server_that_works_gives_a_relayed_address(tmp_path: Path) -> None:
    async with coturn(tmp_path) as server:
        trusted = ssl.create_default_context(cafile=str(server.certificate))
        found = await probe(Turn(tuple(server.urls.values()), SECRET), now(), trusted=trusted)
        assert [p.url.transport for p in found] == ["udp", "tcp", "tls"]
        for one in found:
            host, _, port = one.relayed.partition(":")
            assert (host, one.zh, one.en) == ("127.0.0.1", "", "")
            assert 49152 <= int(port) <= 50175


async def test_what_is_wrong_is_said_with_its_remedy(tmp_path: Path) -> None:
    async with coturn(tmp_path) as server:
        udp, tls = server.urls["turn-udp"], server.urls["turn-tls"]
        (wrong,) = await probe(Turn((udp,), "another secret altogether"), now())
        assert "relay.turn_secret must be coturn's static-auth-secret" in wrong.en
        (late,) = await probe(Turn((udp,), SECRET), now() - timedelta(hours=1))
        assert "clocks must agree" in late.en
        (untrusted,) = await probe(Turn((tls,), SECRET), now())
        assert "certificate browsers will not accept (self-signed certificate)" in untrusted.en
    gone = f"turn:127.0.0.1:{free_port()}?transport=tcp"
    (refused,) = await probe(Turn((gone,), SECRET), now())
    assert "cannot be reached" in refused.en
    assert SECRET not in f"{wrong}{late}{untrusted}{refused}"


async def test_no_servers_are_no_findings() -> None:
    assert await probe(Turn(), now()) == []
