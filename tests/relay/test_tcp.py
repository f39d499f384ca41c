"""Real connections to a real port: whose they are, what they may, and media over them."""

from __future__ import annotations

import asyncio
import socket
from itertools import pairwise

import pytest

from sync_classroom.relay import tcp as tcp_module
from sync_classroom.relay.endpoint import Endpoint
from sync_classroom.relay.forwarding import SlotState
from sync_classroom.relay.framing import frame
from sync_classroom.relay.session import Direction
from sync_classroom.relay.tcp import bind
from tests.support.media_peers import relay
from tests.support.raw_peer import DELTA, KEY, media_lines, peers, published, subscribed
from tests.support.waiting import PATIENCE_S, until

pytestmark = pytest.mark.asyncio
AUDIO, VIDEO = media_lines()
PUBLISH, SUBSCRIBE = Direction.PUBLISH, Direction.SUBSCRIBE


async def connected(port: int) -> socket.socket:
    """A stranger's connection."""
    stranger = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    stranger.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(stranger, ("127.0.0.1", port))
    except OSError:
        stranger.close()
        raise
    return stranger


async def closed(stranger: socket.socket) -> bool:
    """Whether the relay has hung up."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            ended = await asyncio.get_running_loop().sock_recv(stranger, 100) == b""
    except ConnectionResetError:
        ended = True
    stranger.close()
    return ended


def paths(endpoint: Endpoint) -> dict[str, str]:
    return {state.peer: state.path for state in endpoint.status()}


async def test_the_port_has_one_number_for_both_protocols() -> None:
    async with relay() as (endpoint, _), peers(1) as (host,):
        host.open(endpoint, PUBLISH)
        transport = host.session.transport
        assert transport.candidates == transport.tcp_candidates == (("127.0.0.1", endpoint.port),)
        (await connected(endpoint.port)).close()


async def test_switched_off_nothing_listens_and_nothing_is_told() -> None:
    async with relay(media_tcp=False) as (endpoint, _), peers(1) as (host,):
        host.open(endpoint, PUBLISH)
        assert host.session.transport.tcp_candidates == ()
        with pytest.raises(ConnectionRefusedError):
            await connected(endpoint.port)


async def test_a_taken_tcp_port_is_an_error_and_gives_the_udp_port_back() -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    with pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", port, tcp=True)
    taken.close()
    udp, listener = bind("127.0.0.1", port, tcp=True)
    assert listener is not None
    assert udp.port == listener.getsockname()[1] == port
    udp.close()
    listener.close()


async def test_media_flows_both_ways_over_connections() -> None:
    """Publisher and subscriber by TCP only: checks, DTLS, SRTP, RTCP, and what the journal says."""
    async with relay() as (endpoint, samples), peers(2) as (host, viewer):
        host.open(endpoint, PUBLISH)
        await host.dial()
        await host.connect()
        await until(lambda: host.session.connected)
        viewer.open(endpoint, SUBSCRIBE, peer="seat-1")
        await viewer.dial()
        await viewer.connect()
        await until(lambda: viewer.session.connected)
        for n in range(40):
            host.send(VIDEO, (KEY if n == 0 else DELTA) + bytes(1100), stamp=n * 3000)
            host.send(AUDIO, b"sound%d" % n, stamp=n * 960, level=3)
        await until(lambda: len(viewer.received) == 80)
        assert viewer.payloads(111) == [b"sound%d" % n for n in range(40)]
        assert viewer.payloads(96)[0] == KEY + bytes(1100)
        numbers = [h.sequence for h, _ in viewer.received if h.payload_type == 96]
        assert all((b - a) & 0xFFFF == 1 for a, b in pairwise(numbers))
        await until(lambda: any(f.senders for f in viewer.feedback))
        assert paths(endpoint) == {"host": "tcp", "seat-1": "tcp"}
        assert endpoint.counters.tcp_accepted == 2
        viewer.session.close("test")
        host.session.close("test")
        assert {(s.peer, s.path, s.packets) for s in samples} == {
            ("host", "tcp", 80),
            ("seat-1", "tcp", 80),
        }
        await until(lambda: host.tcp is None and viewer.tcp is None)
        assert endpoint.ports.tcp is not None
        assert endpoint.ports.tcp.connections == 0


async def test_a_peer_moves_between_udp_and_tcp_without_a_handshake() -> None:
    async with relay() as (endpoint, _), peers(2) as (host, viewer):
        await published(endpoint, host)
        await subscribed(endpoint, viewer, "seat-1")
        stamp = 0

        async def heard(body: bytes) -> None:
            nonlocal stamp
            stamp += 960
            host.send(AUDIO, body, stamp=stamp)
            await until(lambda: viewer.payloads()[-1:] == [body])

        await heard(b"by udp")
        assert paths(endpoint)["seat-1"] == "udp"
        await viewer.dial()
        viewer.check(nominate=False)
        await until(lambda: endpoint.counters.stun_ok == 3)
        assert paths(endpoint)["seat-1"] == "udp"  # a check alone nominates nothing
        viewer.check()
        await until(lambda: paths(endpoint)["seat-1"] == "tcp")
        await heard(b"by tcp")
        # The connection breaks: the address heard before is used at once.
        viewer.hang_up()
        await until(lambda: paths(endpoint)["seat-1"] == "udp")
        await heard(b"by udp again")
        # And TCP again, by a new connection, on which it then nominates UDP.
        await viewer.dial()
        viewer.check()
        await until(lambda: paths(endpoint)["seat-1"] == "tcp")
        await heard(b"by a new connection")
        viewer.hang_up()
        viewer.check()
        await until(lambda: paths(endpoint)["seat-1"] == "udp")
        await heard(b"the end")
        assert viewer.handshakes == 1
        assert endpoint.counters.sessions_opened == 2


async def test_a_lost_connection_leaves_the_session_to_be_taken_up_by_another() -> None:
    async with relay() as (endpoint, _), peers(2) as (host, viewer):
        await published(endpoint, host)
        viewer.open(endpoint, SUBSCRIBE, peer="seat-1")
        await viewer.dial()
        await viewer.connect()
        await until(lambda: viewer.session.connected)
        viewer.hang_up()
        await until(lambda: viewer.session.dtls.address is None)
        host.send(AUDIO, b"to nobody")
        await until(lambda: endpoint.counters.packets_in == 1)
        await viewer.dial()
        viewer.check()
        await until(lambda: paths(endpoint)["seat-1"] == "tcp")
        host.send(AUDIO, b"to somebody", stamp=960)
        await until(lambda: viewer.payloads() == [b"to somebody"])
        assert viewer.handshakes == 1


async def test_a_connection_that_is_too_slow_loses_video_and_keeps_sound() -> None:
    async with relay() as (endpoint, _), peers(3) as (host, slow, quick):
        await published(endpoint, host)
        await subscribed(endpoint, quick, "seat-2")
        slow.open(endpoint, SUBSCRIBE, peer="seat-1")
        await slow.dial(receive_buffer=4096)
        await slow.connect()
        await until(lambda: slow.session.connected)
        host.send(VIDEO, KEY)
        await until(lambda: slow.payloads(96) == [KEY])
        slow.listen(on=False)
        slot = next(s.slot for s in slow.session.media.streams if s.slot.kind == "video")  # type: ignore[union-attr]
        sent = sounds = 0
        while slot.state is not SlotState.PAUSED:
            sent += 1
            host.send(VIDEO, DELTA + bytes(1100), stamp=3000 * sent)
            if sent % 10 == 0:
                sounds += 1
                host.send(AUDIO, b"%d" % sounds, stamp=960 * sounds)
            await until(lambda sent=sent: len(quick.payloads(96)) == sent + 1)
        for _ in range(50):
            sounds += 1
            host.send(AUDIO, b"%d" % sounds, stamp=960 * sounds)
        await until(lambda: len(quick.payloads(111)) == sounds)
        assert slow.session.state(0.0).path == "tcp"
        assert slot.refused > 0
        assert endpoint.counters.tcp_blocked == slot.refused
        slow.listen()
        await until(lambda: len(slow.payloads(111)) == sounds)
        assert slow.payloads(111) == [b"%d" % n for n in range(1, sounds + 1)]
        assert len(slow.payloads(96)) == sent + 1 - slot.dropped
        # Video comes back with a keyframe, once the pause is over, under the next numbers.
        loop = asyncio.get_running_loop()
        until_s = loop.time() + PATIENCE_S
        while slow.payloads(96)[-1] != KEY:
            assert loop.time() < until_s
            sent += 1
            host.send(VIDEO, KEY, stamp=3000 * sent)
            await until(lambda sent=sent: len(quick.payloads(96)) == sent + 1)
        assert slot.state is SlotState.LIVE
        assert slow.refused == []
        assert (endpoint.counters.kept_lost, endpoint.counters.srtp_rejected) == (0, 0)


async def test_a_stranger_is_turned_away_by_his_first_bytes() -> None:
    async with relay() as (endpoint, _):
        for first in (b"GET / HTTP/1.1\r\n\r\n", frame(b"\x16\xfe\xff" + bytes(50)), b"\xff\xff"):
            stranger = await connected(endpoint.port)
            stranger.send(first)
            assert await closed(stranger)
        await until(lambda: endpoint.counters.tcp_malformed == 3)
        assert endpoint.counters.unknown_senders == 0


async def test_a_check_with_wrong_integrity_opens_nothing_and_may_not_go_on_for_ever() -> None:
    async with relay() as (endpoint, _), peers(1) as (host,):
        host.open(endpoint, PUBLISH)
        await host.dial()
        checks = 0
        while host.tcp is not None:
            host.check(pwd="wrong" * 5)
            checks += 1
            # The last one may be sent while the end of the connection is on its way.
            await until(lambda n=checks: endpoint.counters.stun_bad == n or host.tcp is None)
            await asyncio.sleep(0)
        assert checks * 100 < 2 * tcp_module.UNVERIFIED_BYTES
        assert host.session.dtls.address is None
        assert host.stun_answers[0].attributes[9][2:4] == b"\x04\x01"
        assert endpoint.counters.tcp_expired == 1


async def test_a_silent_stranger_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_module, "UNVERIFIED_S", 0.05)
    monkeypatch.setattr(tcp_module, "SWEEP_S", 0.02)
    async with relay() as (endpoint, _):
        assert await closed(await connected(endpoint.port))
        assert endpoint.counters.tcp_expired == 1


async def test_a_connection_without_checks_is_closed_and_its_session_lives_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with relay() as (endpoint, _), peers(2) as (host, viewer):
        await published(endpoint, host)
        await subscribed(endpoint, viewer, "seat-1")
        await viewer.dial()
        viewer.check()
        await until(lambda: paths(endpoint)["seat-1"] == "tcp")
        monkeypatch.setattr(tcp_module, "IDLE_S", 0.05)
        await until(lambda: viewer.tcp is None)
        assert paths(endpoint)["seat-1"] == "udp"
        host.send(AUDIO, b"on")
        await until(lambda: viewer.payloads() == [b"on"])


async def test_strangers_are_bounded_in_number_by_address_and_in_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tcp_module, "MAX_UNVERIFIED_PER_HOST", 3)
    async with relay() as (endpoint, _), peers(1) as (host,):
        host.open(endpoint, PUBLISH)
        await host.dial()
        host.check()
        await until(lambda: endpoint.counters.stun_ok == 1)
        strangers = [await connected(endpoint.port) for _ in range(3)]
        await until(lambda: endpoint.counters.tcp_accepted == 4)
        assert await closed(await connected(endpoint.port))
        assert endpoint.counters.tcp_refused == 1
        strangers.pop().close()
        assert endpoint.ports.tcp is not None
        await until(lambda: endpoint.ports.tcp.connections == 3)  # type: ignore[union-attr]
        strangers.append(await connected(endpoint.port))
        await until(lambda: endpoint.counters.tcp_accepted == 5)
        monkeypatch.setattr(tcp_module, "MAX_UNVERIFIED_PER_HOST", 100)
        monkeypatch.setattr(tcp_module, "MAX_UNVERIFIED", 3)
        assert await closed(await connected(endpoint.port))
        assert endpoint.counters.tcp_refused == 2
        for stranger in strangers:
            stranger.close()


async def test_closing_the_endpoint_ends_every_connection() -> None:
    async with relay() as (endpoint, _):
        strangers = [await connected(endpoint.port) for _ in range(3)]
        await until(lambda: endpoint.counters.tcp_accepted == 3)
        await endpoint.close()
        assert [await closed(stranger) for stranger in strangers] == [True] * 3
