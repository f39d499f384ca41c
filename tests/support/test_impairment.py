"""The bad network does what it says, and the same every time."""

from __future__ import annotations

import asyncio
import random
import socket

import pytest

from tests.support.impairment import QUEUE_S, Impairment, Way, impaired
from tests.support.waiting import until


def way(rules: Impairment, seed: int = 1) -> Way:
    return Way(rules, random.Random(seed))


def run(rules: Impairment, packets: int, *, every_s: float = 0.01, size: int = 1000) -> list[float]:
    """Delays of everything that left, in order of arrival at the network."""
    network = way(rules)
    return [
        at - n * every_s for n in range(packets) for at in network.departures(size, n * every_s)
    ]


def test_a_clean_network_changes_nothing() -> None:
    assert run(Impairment(), 100) == [0.0] * 100


def test_loss_and_duplicates_are_shares_and_repeat_themselves() -> None:
    network, again = way(Impairment(loss=0.05)), way(Impairment(loss=0.05, duplicate=0.1))
    fates = [[len(w.departures(100, n / 100)) for n in range(10_000)] for w in (network, again)]
    assert network.lost == again.lost == fates[0].count(0)
    assert 450 < network.lost < 550
    assert 850 < fates[1].count(2) == again.duplicated < 1050
    assert [f == 0 for f in fates[0]] == [f == 0 for f in fates[1]]


def test_jitter_reorders_only_if_it_may() -> None:
    for reorder in (False, True):
        rules = Impairment(delay_s=0.03, jitter_s=0.1, reorder=reorder)
        delays = run(rules, 5000)
        assert 0.03 <= min(delays) < 0.04
        assert 0.12 < max(delays) <= 0.13
        assert 0.07 < sum(delays) / len(delays) < 0.09
        leaves = [n * 0.01 + delay for n, delay in enumerate(delays)]
        assert (leaves == sorted(leaves)) is not reorder


def test_a_slow_line_has_a_queue_and_then_drops() -> None:
    network = way(Impairment(rate_bps=400_000))
    delays = [at for _ in range(100) for at in network.departures(1000, 0.0)]
    assert delays == pytest.approx([0.02 * (n + 1) for n in range(len(delays))])
    assert len(delays) + network.overflowed == 100
    assert delays[-1] <= QUEUE_S + 0.04


@pytest.mark.asyncio
async def test_a_rebinding_changes_the_port_that_is_seen() -> None:
    seen: list[tuple[bytes, tuple[str, int]]] = []

    class Far(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            seen.append((data, addr))

    far, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Far, local_addr=("127.0.0.1", 0)
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.setblocking(False)
        async with impaired(far.get_extra_info("sockname")[1]) as network:
            peer.connect(("127.0.0.1", network.port))
            for data in (b"one", b"two"):
                peer.send(data)
                await until(lambda data=data: seen and seen[-1][0] == data)
            far.sendto(b"back", seen[-1][1])
            assert await asyncio.get_running_loop().sock_recv(peer, 100) == b"back"
            network.rebind()
            peer.send(b"three")
            await until(lambda: seen[-1][0] == b"three")
        assert seen[0][1] == seen[1][1] != seen[2][1]
        assert (network.up.packets, network.down.packets) == (3, 1)
    far.close()
