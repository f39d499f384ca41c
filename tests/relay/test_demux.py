"""Real datagrams on a real port: whose they are, and what is refused, dropped and counted."""

from __future__ import annotations

import asyncio
import random
import socket

import pytest

from sync_classroom.relay import stun
from sync_classroom.relay.reader import PythonReader
from sync_classroom.relay.session import Direction
from tests.support.media_peers import relay
from tests.support.raw_peer import media_lines, peers, published, subscribed
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio
AUDIO, VIDEO = media_lines()


async def test_stun_with_wrong_integrity_learns_nothing() -> None:
    async with relay() as (endpoint, _), peers(1) as (host,):
        session = host.open(endpoint, Direction.PUBLISH)
        host.check(pwd="wrong" * 5)
        await until(lambda: endpoint.counters.stun_bad == 1)
        await until(lambda: len(host.stun_answers) == 1)
        code = host.stun_answers[0].attributes[stun.Attribute.ERROR_CODE]
        assert code[2:4] == b"\x04\x01"
        assert (session.dtls.address, session.addresses, len(endpoint._demux)) == (None, set(), 0)
        host.udp.send(b"\x16\xfe\xff" + bytes(50))
        await until(lambda: endpoint.counters.unknown_senders == 1)
        host.check()
        await until(lambda: endpoint.counters.stun_ok == 1)
        assert session.dtls.address is not None


async def test_media_of_strangers_is_dropped_and_counted() -> None:
    async with relay() as (endpoint, _), peers(2) as (host, viewer):
        await published(endpoint, host)
        await subscribed(endpoint, viewer, "seat-1")
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for _ in range(5):
            stranger.sendto(host.rtp(AUDIO, b"forged", ssrc=9), ("127.0.0.1", endpoint.port))
        await until(lambda: endpoint.counters.unknown_senders == 5)
        # From a verified address, but not with the peer's key.
        viewer.udp.send(host.rtp(AUDIO, b"forged", ssrc=9))
        await until(lambda: endpoint.counters.srtp_rejected == 1)
        # With its own key, but a subscriber has nothing to send.
        viewer.send(AUDIO, b"forged")
        await until(lambda: endpoint.counters.rtp_unmapped == 1)
        host.send(AUDIO, b"real")
        await until(lambda: viewer.payloads() == [b"real"])
        stranger.close()


async def test_junk_on_the_port_is_counted_and_hurts_nobody() -> None:
    async with relay() as (endpoint, _), peers(2) as (host, viewer):
        await published(endpoint, host)
        await subscribed(endpoint, viewer, "seat-1")
        randomness = random.Random(9)
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sent = 0
        for size in (*range(1, 200), 1472, 2048, 4000):
            stranger.sendto(randomness.randbytes(size), ("127.0.0.1", endpoint.port))
            sent += 1
            # The same from somebody known.
            host.udp.send(randomness.randbytes(size))
            await asyncio.sleep(0)
        before = endpoint.counters.as_dict()
        await until(
            lambda: (
                endpoint.counters.datagrams_in >= before["datagrams_in"]
                and sum(
                    endpoint.counters.as_dict()[name]
                    for name in (
                        "junk",
                        "unknown_senders",
                        "srtp_rejected",
                        "stun_bad",
                        "truncated",
                    )
                )
                > 0.8 * sent
            )
        )
        host.send(AUDIO, b"real")
        await until(lambda: viewer.payloads() == [b"real"])
        assert len(endpoint._demux) == 2
        stranger.close()


async def test_a_malformed_packet_under_the_right_key_is_counted() -> None:
    async with relay() as (endpoint, _), peers(1) as (host,):
        await published(endpoint, host)
        host.control(bytes.fromhex("81c90007") + bytes(28 - 24 + 24))
        host.control(bytes.fromhex("85c9000100000001"))
        await until(lambda: endpoint.counters.rtcp_malformed == 1)
        host.udp.send(
            host._transport._tx_srtp.protect(bytes.fromhex("a06f0001") + bytes(8) + b"\0\xff")
        )
        await until(lambda: endpoint.counters.rtp_malformed == 1)


async def test_an_address_change_continues_without_a_new_handshake() -> None:
    async with relay() as (endpoint, _), peers(2) as (host, viewer):
        await published(endpoint, host)
        await subscribed(endpoint, viewer, "seat-1")
        host.send(AUDIO, b"one")
        await until(lambda: viewer.payloads() == [b"one"])
        viewer.move()
        viewer.check()
        await until(lambda: endpoint.counters.stun_ok == 3)
        host.send(AUDIO, b"two")
        await until(lambda: viewer.payloads() == [b"one", b"two"])
        host.move()
        host.check()
        host.send(AUDIO, b"three")
        await until(lambda: viewer.payloads() == [b"one", b"two", b"three"])
        assert (host.handshakes, viewer.handshakes, len(endpoint.status())) == (1, 1, 2)
        assert endpoint.counters.sessions_opened == 2


async def test_media_right_behind_the_last_flight_of_the_handshake_is_not_lost() -> None:
    async with relay() as (endpoint, samples), peers(1) as (host,):
        session = host.open(endpoint, Direction.PUBLISH)
        await host.connect()
        # The client is done; whether the relay has read its last flight yet does not matter.
        for n in range(10):
            host.send(AUDIO, b"%d" % n)
        await until(lambda: endpoint.counters.packets_in == 10)
        session.close("test")
        assert [s.packets for s in samples] == [10]
        assert endpoint.counters.unknown_senders == 0


@pytest.mark.parametrize("fanout", ["kernel", "python"])
async def test_streams_are_known_after_a_packet_and_forgotten_with_their_address(
    fanout: str,
) -> None:
    async with relay(fanout=fanout) as (endpoint, _), peers(1) as (host,):
        reader = endpoint._demux._reader
        assert reader.name == fanout
        assert isinstance(reader, PythonReader)
        await published(endpoint, host)
        for n in range(3):
            host.send(AUDIO, b"%d" % n)
            host.send(VIDEO, b"%d" % n)
        await until(lambda: endpoint.counters.packets_in == 6)
        ((address, streams),) = reader._streams.items()
        assert set(streams) == {100, 101}
        host.move()
        host.check()
        host.send(AUDIO, b"from elsewhere")
        await until(lambda: endpoint.counters.packets_in == 7)
        assert len(reader._streams) == 2  # the old path may come back
        # Another session from the same address, with other keys: nothing of the old one is left.
        await published(endpoint, host)
        assert set(reader._streams) <= {address}
        host.send(AUDIO, b"again", ssrc=100)
        host.send(AUDIO, b"and again", ssrc=100)
        await until(lambda: endpoint.counters.packets_in == 9)
        assert endpoint.counters.srtp_rejected == 0
        host.session.close("test")
        assert reader._streams == {}
