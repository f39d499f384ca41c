from __future__ import annotations

import pytest
from aioice import ice

from sync_classroom.relay import client_peer as module
from sync_classroom.relay.client_peer import client_peer, host_addresses


@pytest.mark.asyncio
async def test_a_machine_without_network_offers_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_of_the_machine", lambda v4, v6: [])
    peer = client_peer()
    try:
        peer.createDataChannel("x")
        await peer.setLocalDescription(await peer.createOffer())
        candidates = [
            line.split()[4]
            for line in peer.localDescription.sdp.splitlines()
            if line.startswith("a=candidate:")
        ]
        assert set(candidates) == {"127.0.0.1"}
    finally:
        await peer.close()


def test_addresses_of_a_network_are_offered_and_loopback_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_of_the_machine", lambda v4, v6: ["192.0.2.7"])
    assert host_addresses(use_ipv4=True, use_ipv6=False) == ["192.0.2.7"]
    monkeypatch.setattr(module, "_of_the_machine", lambda v4, v6: [])
    assert host_addresses(use_ipv4=False, use_ipv6=True) == ["::1"]


def test_the_name_that_is_not_public_is_still_what_gathering_calls() -> None:
    assert "get_host_addresses" in ice.Connection.gather_candidates.__code__.co_names
