"""What a new session is made of: numbers of its own, one name, and our side of its transport."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_classroom.relay.admission import local_streams
from sync_classroom.relay.endpoint import Endpoint
from sync_classroom.relay.publisher import Publisher
from sync_classroom.relay.session import Codec, Direction, MediaLine, Offer
from sync_classroom.relay.settings import Listen, RelaySettings
from sync_classroom.relay.subscriber import Subscriber
from tests.support.media_peers import relay
from tests.support.raw_peer import VP8, media_lines, peers

LINES = media_lines(audio=2, video=3)


def offer(lines: tuple[MediaLine, ...]) -> Offer:
    return Offer(Direction.SUBSCRIBE, lines, "rawufrag", "p" * 24, ())


def test_every_line_has_ssrcs_of_its_own_and_all_share_a_cname() -> None:
    rtx = Codec("VP8", 96, 90000, feedback=VP8.feedback, rtx_payload_type=97)
    lines = [replace(line, codecs=(rtx,)) if line.kind == "video" else line for line in LINES]
    streams = local_streams(offer(tuple(lines)), "name")
    assert list(streams) == ["0", "1", "2", "3", "4"]
    assert {stream.cname for stream in streams.values()} == {"name"}
    assert [stream.rtx_ssrc is not None for stream in streams.values()] == [False] * 2 + [True] * 3
    ssrcs = [ssrc for s in streams.values() for ssrc in (s.ssrc, s.rtx_ssrc) if ssrc is not None]
    assert len(set(ssrcs)) == 8
    assert all(0 < ssrc < 2**32 for ssrc in ssrcs)


def test_a_line_that_is_not_accepted_has_no_stream() -> None:
    lines = (LINES[0], replace(LINES[1], accepted=False, slot=-1), *LINES[2:])
    assert list(local_streams(offer(lines), "name")) == ["0", "2", "3", "4"]


@pytest.mark.asyncio
async def test_a_publisher_receives_and_a_subscriber_sends() -> None:
    async with relay() as (endpoint, _), peers(2) as (host, viewer):
        session = host.open(endpoint, Direction.PUBLISH, source="screen")
        assert isinstance(session.media, Publisher)
        assert (session.source, session.streams) == ("screen", {})
        watching = viewer.open(endpoint, Direction.SUBSCRIBE, peer="seat-1", lines=LINES)
        assert isinstance(watching.media, Subscriber)
        assert watching.source is None
        slots = [stream.slot for stream in watching.media.streams]
        assert [slot.ssrc for slot in slots] == [s.ssrc for s in watching.streams.values()]
        assert all(0 < slot.account.first - 0x10000 < 0x8000 for slot in slots)
        assert {stream.cname for stream in watching.streams.values()} == {watching.id}
        ours = (session.transport, watching.transport)
        assert ours[0].fingerprint == ours[1].fingerprint
        assert ours[0].candidates == ours[1].candidates == (("127.0.0.1", endpoint.port),)
        assert ours[0].ice_ufrag != ours[1].ice_ufrag
        assert ours[0].ice_pwd != ours[1].ice_pwd


@pytest.mark.asyncio
async def test_an_ipv6_relay_offers_its_ipv6_address() -> None:
    async with relay() as (_, _):
        endpoint = await Endpoint.open(
            RelaySettings(media=Listen("::1", 0)), on_sample=lambda sample: None
        )
        async with peers(1) as (host,):
            session = host.session = endpoint.open_session(
                room="r",
                peer="host",
                source="camera",
                offer=host.offer(Direction.PUBLISH, LINES),
                makes_room=True,
            )
            assert session.transport.candidates == (("::1", endpoint.port),)
        await endpoint.close()
