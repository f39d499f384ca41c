from __future__ import annotations

import asyncio
import gc
import weakref
from dataclasses import replace
from itertools import pairwise

import pytest

from sync_classroom.relay import endpoint as endpoint_module
from sync_classroom.relay import rtcp
from sync_classroom.relay.endpoint import Endpoint, Layout
from sync_classroom.relay.feedback import PLI_INTERVAL_S
from sync_classroom.relay.ice import CONSENT_S
from sync_classroom.relay.sdp import ABS_SEND_TIME, AUDIO_LEVEL, MID
from sync_classroom.relay.session import Codec, Direction, Sample, SessionRefusedError
from sync_classroom.relay.settings import Listen, RelaySettings
from tests.support.media_peers import publish, relay, subscribe
from tests.support.raw_peer import (
    DELTA,
    KEY,
    RawPeer,
    media_lines,
    peers,
    published,
    subscribed,
)
from tests.support.waiting import PATIENCE_S, until

pytestmark = pytest.mark.asyncio
LINES = media_lines()
AUDIO, VIDEO = LINES
PUBLISH, SUBSCRIBE = Direction.PUBLISH, Direction.SUBSCRIBE


async def test_real_peers_decode_and_samples_are_exact() -> None:
    """One publisher, two subscribers: none lost, none sent twice, all acknowledged."""
    async with relay(sample_s=2.0) as (endpoint, samples):
        source, session = await publish(endpoint, "lesson")
        await until(lambda: session.connected)
        viewers = [await subscribe(endpoint, "lesson", f"seat-{n}") for n in range(2)]
        await until(lambda: all(v.frames >= 45 and v.sounds >= 150 for v in viewers))
        await source.close()
        await until(session.closed.is_set)
        forwarded = endpoint.counters.forwarded
        # Receivers go on reporting: wait until the reports speak of the last packet.
        await until(
            lambda: all(
                v.session.media.totals(reported=True).packets  # type: ignore[union-attr]
                == v.session.media.totals(reported=False).packets  # type: ignore[union-attr]
                for v in viewers
            )
        )
        received = [sum((await v.received()).values()) for v in viewers]
        for viewer in viewers:
            await viewer.connection.close()
        await until(lambda: not endpoint.status())
        await asyncio.gather(*(t for v in viewers for t in v.tasks))
        assert endpoint.counters.retransmitted == 0
        assert endpoint.counters.packets_in == sum(
            s.packets for s in samples if s.direction is PUBLISH
        )
        assert sum(s.lost for s in samples) == 0
        sent = 0
        for viewer, count in zip(viewers, received, strict=True):
            own = [s for s in samples if s.peer == viewer.session.peer]
            assert sum(s.packets for s in own) == sum(s.acked for s in own) == count
            assert len(own) >= 2
            assert all(a.to_at == b.from_at for a, b in pairwise(own))
            assert all((s.to_at - s.from_at).total_seconds() <= 2.1 for s in own)
            assert own[0].rtt_ms is not None
            sent += count
        assert forwarded == sent


async def test_headers_are_rewritten_for_each_subscriber() -> None:
    async with relay() as (endpoint, _), peers(3) as (host, one, other):
        await published(endpoint, host)
        await subscribed(endpoint, one, "seat-1")
        await subscribed(endpoint, other, "seat-2", lines=media_lines(shift=3))
        for n in range(10):
            host.send(VIDEO, KEY if n == 0 else DELTA, stamp=n * 3000)
            host.send(AUDIO, b"sound%d" % n, stamp=n * 960, level=0x85)
        await until(lambda: len(one.received) == len(other.received) == 20)
        for viewer, shift in ((one, 0), (other, 3)):
            sounds = [(h, b) for h, b in viewer.received if h.payload_type == 111 + shift]
            pictures = [(h, b) for h, b in viewer.received if h.payload_type == 96 + shift]
            assert [b for _, b in sounds] == [b"sound%d" % n for n in range(10)]
            assert [b for _, b in pictures] == [KEY] + [DELTA] * 9
            stream = viewer.session.streams["1"]
            assert {h.ssrc for h, _ in pictures} == {stream.ssrc}
            first = pictures[0][0]
            assert [(h.sequence - first.sequence) & 0xFFFF for h, _ in pictures] == list(range(10))
            assert [(h.timestamp - first.timestamp) & 0xFFFFFFFF for h, _ in pictures] == [
                n * 3000 for n in range(10)
            ]
            assert sounds[0][0].extensions.keys() == {1 + shift, 5 + shift, 9 + shift}
            assert sounds[0][0].extensions[9 + shift] == b"\x85"
            assert sounds[0][0].extensions[1 + shift] == b"0"
            assert pictures[0][0].extensions.keys() == {1 + shift, 5 + shift}
        ssrcs = [s.ssrc for v in (one, other) for s in v.session.streams.values()]
        assert len(set(ssrcs)) == 4
        assert {MID, ABS_SEND_TIME, AUDIO_LEVEL} == AUDIO.extensions.keys()


async def test_an_ice_restart_keeps_media_flowing() -> None:
    async with relay() as (endpoint, _), peers(2) as (host, viewer):
        await published(endpoint, host)
        await subscribed(endpoint, viewer, "seat-1")
        old = viewer.session.transport
        new = viewer.session.restart_ice("newufrag", "n" * 24)
        assert new.ice_ufrag != old.ice_ufrag
        assert new.candidates == old.candidates
        viewer.check(local=old)
        await until(lambda: endpoint.counters.stun_ok == 3)
        viewer.move()
        viewer.check(local=new)
        await until(lambda: endpoint.counters.stun_ok == 4)
        viewer.check(local=old)
        await until(lambda: endpoint.counters.stun_bad == 1)
        host.send(AUDIO, b"on")
        await until(lambda: viewer.payloads() == [b"on"])


async def test_a_new_session_of_the_same_peer_and_source_replaces_the_old() -> None:
    async with relay() as (endpoint, samples), peers(3) as (host, again, viewer):
        await published(endpoint, host)
        await subscribed(endpoint, viewer, "seat-1")
        host.send(AUDIO, b"old")
        await until(lambda: viewer.payloads() == [b"old"])
        first = host.session
        await published(endpoint, again)
        assert first.closed.is_set()
        assert first.reason == "replaced"
        assert [s.packets for s in samples if s.direction is PUBLISH] == [1]
        again.send(AUDIO, b"new")
        await until(lambda: viewer.payloads() == [b"old", b"new"])
        numbers = [h.sequence for h, _ in viewer.received]
        assert (numbers[1] - numbers[0]) & 0xFFFF == 1
        assert len(endpoint.status()) == 2
        # Another source of the same peer is another session; so is a subscription.
        await published(endpoint, host, source="screen")
        assert len(endpoint.status()) == 3


async def test_a_joiner_is_sent_the_cached_keyframe_first() -> None:
    async with relay() as (endpoint, _), peers(2) as (host, viewer):
        await published(endpoint, host)
        for n in range(30):
            host.send(VIDEO, KEY if n == 5 else DELTA + bytes([n]), stamp=n * 3000)
        await until(lambda: endpoint.counters.packets_in == 30)
        await subscribed(endpoint, viewer, "seat-1")
        expected = [KEY] + [DELTA + bytes([n]) for n in range(6, 30)]
        await until(lambda: viewer.payloads() == expected)
        host.send(VIDEO, DELTA, stamp=90000)
        await until(lambda: viewer.payloads() == [*expected, DELTA])
        assert endpoint.counters.plis_out == 0
        assert [f for f in host.feedback if f.keyframes] == []


async def test_joiners_without_a_cached_keyframe_ask_for_one_together() -> None:
    async with relay() as (endpoint, _), peers(4) as (host, *viewers):
        await published(endpoint, host)
        began = asyncio.get_running_loop().time()
        host.send(VIDEO, DELTA)
        await until(lambda: endpoint.counters.packets_in == 1)
        for number, viewer in enumerate(viewers):
            await subscribed(endpoint, viewer, f"seat-{number}")
        await until(lambda: any(f.keyframes for f in host.feedback))
        host.send(VIDEO, KEY, stamp=3000)
        await until(lambda: all(v.payloads() == [KEY] for v in viewers))
        elapsed = asyncio.get_running_loop().time() - began
        assert 1 <= endpoint.counters.plis_out <= 1 + elapsed / PLI_INTERVAL_S


async def test_lost_packets_are_sent_again_and_not_counted_twice() -> None:
    async with relay(sample_s=30.0) as (endpoint, samples), peers(2) as (host, viewer):
        await published(endpoint, host)
        await subscribed(endpoint, viewer, "seat-1")
        for n in range(5):
            host.send(VIDEO, KEY if n == 0 else DELTA, stamp=n * 3000)
        await until(lambda: len(viewer.received) == 5)
        lost = viewer.received[2][0]
        viewer.control(rtcp.nack(1, lost.ssrc, [lost.sequence]))
        # The receiver's libsrtp refuses the identical packet as a replay.
        await until(lambda: len(viewer.refused) == 1)
        assert endpoint.counters.retransmitted == 1
        assert int.from_bytes(viewer.refused[0][2:4], "big") == lost.sequence
        last = viewer.received[4][0]
        block = rtcp.ReportBlock(last.ssrc, 0, 0, last.sequence, 0, 0, 0)
        viewer.control(rtcp.receiver_report(1, [block]))
        await until(lambda: endpoint.status()[1].last_media_s is not None)
        viewer.session.close("test")
        (sample,) = [s for s in samples if s.direction is SUBSCRIBE]
        assert (sample.packets, sample.acked, sample.nacks, sample.lost) == (5, 5, 1, 0)


async def test_loss_upstream_is_asked_for_by_the_relay() -> None:
    async with relay() as (endpoint, _), peers(2) as (host, viewer):
        await published(endpoint, host)
        await subscribed(endpoint, viewer, "seat-1")
        host.send(VIDEO, KEY)
        late = host.rtp(VIDEO, DELTA + b"late", stamp=3000)
        host.send(VIDEO, DELTA, stamp=6000)
        await until(lambda: any(f.nacks for f in host.feedback))
        (ssrc, numbers), *_ = next(f.nacks for f in host.feedback if f.nacks)
        assert (ssrc, numbers) == (101, [65532])
        host.udp.send(late)
        await until(lambda: len(viewer.received) == 3)
        assert sorted((h.sequence, b) for h, b in viewer.received)[1][1] == DELTA + b"late"


async def test_layouts_route_and_a_peer_never_feeds_itself() -> None:
    async with relay() as (endpoint, _), peers(4) as (host, seat, viewer, own):
        endpoint.put_room("lesson", {"*": Layout(("seat:s1",), ("camera",))})
        await published(endpoint, host)
        await published(endpoint, seat, peer="s1", source="seat")
        await subscribed(endpoint, viewer, "s2")
        await subscribed(endpoint, own, "s1")
        for n in range(3):
            host.send(VIDEO, KEY, stamp=n)
            host.send(AUDIO, b"host", stamp=n)
            seat.send(AUDIO, b"seat", stamp=n)
            seat.send(VIDEO, KEY + b"seat", stamp=n)
        await until(lambda: len(viewer.received) == 6 and len(own.received) == 3)
        assert viewer.payloads(111) == [b"seat"] * 3
        assert viewer.payloads(96) == own.payloads() == [KEY] * 3
        endpoint.put_room("lesson", {"*": Layout(("camera",), ("seat:s1",)), "s2": Layout((), ())})
        for n in range(3, 6):
            host.send(AUDIO, b"host", stamp=n)
            seat.send(VIDEO, KEY + b"seat", stamp=n)
        await until(lambda: len(own.received) == 6)
        assert own.payloads(111) == [b"host"] * 3
        assert len(viewer.received) == 6


async def refusal(endpoint: Endpoint, who: RawPeer, direction: Direction, **more: object) -> str:
    with pytest.raises(SessionRefusedError) as caught:
        who.open(endpoint, direction, **more)  # type: ignore[arg-type]
    return caught.value.code


async def test_refusals() -> None:
    async with relay(max_sessions=2, max_rooms=1) as (endpoint, _), peers(4) as (a, b, c, d):
        assert await refusal(endpoint, a, PUBLISH, makes_room=False) == "room_unknown"
        assert await refusal(endpoint, a, SUBSCRIBE, makes_room=False) == "room_unknown"
        assert await refusal(endpoint, a, SUBSCRIBE) == "nothing_live"
        assert endpoint.rooms() == ()
        endpoint.put_room("lesson", {})
        assert await refusal(endpoint, a, SUBSCRIBE, makes_room=False) == "nothing_live"
        a.open(endpoint, PUBLISH)
        assert await refusal(endpoint, b, PUBLISH, room="other") == "full"
        b.open(endpoint, SUBSCRIBE, peer="seat-1")
        assert await refusal(endpoint, c, SUBSCRIBE, peer="seat-2") == "full"
        c.open(endpoint, SUBSCRIBE, peer="seat-1")  # takes the place of its own old one
        endpoint.delete_room("lesson")
        endpoint.begin_drain()
        assert await refusal(endpoint, d, PUBLISH) == "draining"
        with pytest.raises(SessionRefusedError):
            endpoint.put_room("lesson", {})
        assert endpoint.entrance.refused == {
            "room_unknown": 2, "nothing_live": 2, "full": 2, "draining": 2,
        }  # fmt: skip
        assert endpoint.status() == []
        assert len(endpoint._ice) == 0


async def test_a_busy_relay_sends_new_seats_away_and_keeps_host_and_seats_it_has() -> None:
    async with relay(max_load=0.5) as (endpoint, _), peers(4) as (host, seat, late, again):
        host.open(endpoint, PUBLISH)
        seat.open(endpoint, SUBSCRIBE, peer="seat-1")
        endpoint.entrance.gate.heed(0.9)
        assert await refusal(endpoint, late, SUBSCRIBE, peer="seat-2") == "busy"
        assert await refusal(endpoint, late, PUBLISH, peer="seat-1", source="seat") == "busy"
        again.open(endpoint, SUBSCRIBE, peer="seat-1")  # its page was loaded again
        again.session.close("its cable")
        seat.open(endpoint, SUBSCRIBE, peer="seat-1")  # and it is back within the minute
        host.open(endpoint, PUBLISH)
        late.open(endpoint, PUBLISH, room="another lesson")
        assert endpoint.session_count == 3
        endpoint.entrance.gate.heed(0.1)
        late.open(endpoint, SUBSCRIBE, peer="seat-2")


async def test_a_join_is_measured_from_offer_to_media() -> None:
    async with relay() as (endpoint, _), peers(1) as (host,):
        began = asyncio.get_running_loop().time()
        host.open(endpoint, PUBLISH)
        assert endpoint.joins.cumulative[-1] == 0
        await host.connect()
        await until(lambda: host.session.connected)
        assert endpoint.joins.cumulative[-1] == 1
        assert 0 < endpoint.joins.total <= asyncio.get_running_loop().time() - began


async def test_deleting_a_room_writes_last_samples_and_closes_its_sessions() -> None:
    async with relay() as (endpoint, samples), peers(2) as (host, viewer):
        await published(endpoint, host)
        await subscribed(endpoint, viewer, "seat-1")
        host.send(AUDIO, b"one")
        await until(lambda: len(viewer.received) == 1)
        endpoint.delete_room("lesson")
        endpoint.delete_room("lesson")
        assert host.session.closed.is_set()
        assert viewer.session.reason == "room_deleted"
        assert [(s.direction, s.packets, s.acked) for s in samples] == [
            (PUBLISH, 1, 0),
            (SUBSCRIBE, 1, 0),
        ] or [(s.direction, s.packets, s.acked) for s in samples] == [
            (SUBSCRIBE, 1, 0),
            (PUBLISH, 1, 0),
        ]
        assert endpoint.session(host.session.id) is None
        assert endpoint.rooms() == ()
        await until(lambda: not endpoint._tasks)


async def test_dropping_a_peer_closes_all_its_sessions_and_nobody_elses() -> None:
    async with relay() as (endpoint, _), peers(3) as (host, screen, viewer):
        await published(endpoint, host)
        await published(endpoint, screen, source="screen")
        await subscribed(endpoint, viewer, "seat-1")
        endpoint.drop_peer("lesson", "host")
        assert [state.peer for state in endpoint.status()] == ["seat-1"]


async def test_a_room_made_by_a_token_goes_when_empty_and_a_pinned_one_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoint_module, "EMPTY_S", 0.05)
    async with relay() as (endpoint, _), peers(2) as (host, other):
        await published(endpoint, host)
        endpoint.put_room("pinned", {})
        await published(endpoint, other, room="pinned")
        host.session.close("test")
        other.session.close("test")
        assert endpoint.rooms() == ("lesson", "pinned")
        await until(lambda: endpoint.rooms() == ("pinned",))


async def test_a_silent_peer_is_closed_with_its_last_sample() -> None:
    async with relay() as (endpoint, samples), peers(1) as (host,):
        await published(endpoint, host)
        host.send(AUDIO, b"one")
        await until(lambda: endpoint.counters.packets_in == 1)
        heard = host.session.agent.heard_s
        assert heard is not None
        host.session.advance(heard + CONSENT_S - 0.01)
        assert not host.session.closed.is_set()
        host.session.advance(heard + CONSENT_S)
        assert host.session.reason == "silent"
        assert [(s.peer, s.packets) for s in samples] == [("host", 1)]


async def test_a_peer_that_sends_media_but_no_more_checks_is_not_silent() -> None:
    # libnice checks until it is connected and sends only indications after that.
    async with relay() as (endpoint, _), peers(1) as (host,):
        await published(endpoint, host)
        checked = host.session.agent.heard_s
        assert checked is not None
        for kind, send in (
            ("rtp", lambda: host.send(AUDIO, b"one")),
            ("rtcp", lambda: host.control(rtcp.receiver_report(100 + AUDIO.index, []))),
        ):
            before = host.session.agent.heard_s
            send()
            await until(lambda before=before: host.session.agent.heard_s != before)
            assert host.session.agent.heard_s > checked, kind
        host.session.advance(checked + CONSENT_S)
        assert not host.session.closed.is_set()


async def test_the_other_side_leaving_closes_the_session_at_once() -> None:
    async with relay() as (endpoint, _), peers(1) as (host,):
        await published(endpoint, host)
        await host._transport.stop()
        await asyncio.wait_for(host.session.closed.wait(), PATIENCE_S)
        assert host.session.reason == "left"


async def test_closing_leaves_no_task_no_timer_and_writes_samples() -> None:
    before = asyncio.all_tasks()
    samples: list[Sample] = []
    endpoint = await Endpoint.open(
        RelaySettings(media=Listen("127.0.0.1", 0)), on_sample=samples.append
    )
    async with peers(2) as (host, viewer):
        await published(endpoint, host)
        await subscribed(endpoint, viewer, "seat-1")
        host.send(AUDIO, b"one")
        await until(lambda: len(viewer.received) == 1)
        await endpoint.close()
        assert sorted(s.direction for s in samples) == [PUBLISH, SUBSCRIBE]
    # The clients' own tasks take a turn to end.
    await until(lambda: {task for task in asyncio.all_tasks() if not task.done()} == before)


async def test_what_a_closed_session_held_is_free_without_the_collector() -> None:
    async with relay() as (endpoint, _), peers(2) as (host, viewer):
        await published(endpoint, host)
        await subscribed(endpoint, viewer, "seat-1")
        host.send(AUDIO, b"one")
        await until(lambda: len(viewer.received) == 1)
        session = viewer.session
        gone = [weakref.ref(one) for one in (session, session.media, session.dtls)]
        del viewer.session
        gc.collect()
        gc.disable()
        try:
            session.close("test")
            del session
            await until(lambda: [one() for one in gone] == [None] * 3)
        finally:
            gc.enable()


async def test_a_port_already_taken_is_an_os_error() -> None:
    async with relay() as (endpoint, _):
        with pytest.raises(OSError, match="in use"):
            await Endpoint.open(
                RelaySettings(media=Listen("127.0.0.1", endpoint.port)), on_sample=print
            )


async def test_a_defect_in_one_session_closes_it_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with relay() as (endpoint, _), peers(3) as (host, one, other):
        await published(endpoint, host)
        await subscribed(endpoint, one, "seat-1")
        await subscribed(endpoint, other, "seat-2")
        monkeypatch.setattr(one.session.media, "advance", lambda now, send: 1 / 0)
        await asyncio.wait_for(one.session.closed.wait(), PATIENCE_S)
        assert one.session.reason == "failed"
        host.send(AUDIO, b"on")
        await until(lambda: other.payloads() == [b"on"])


async def test_a_route_in_a_codec_the_subscriber_lacks_is_idle_and_counted_once() -> None:
    async with relay() as (endpoint, _), peers(2) as (host, viewer):
        await published(endpoint, host)
        h264 = Codec("H264", 102, 90000, None, {"packetization-mode": "1"})
        lines = (AUDIO, replace(VIDEO, codecs=(h264,)))
        await subscribed(endpoint, viewer, "seat-1", lines=lines)
        endpoint.put_room("lesson", {})
        endpoint.put_room("lesson", {})
        host.send(VIDEO, KEY)
        host.send(AUDIO, b"sound")
        await until(lambda: viewer.payloads() == [b"sound"])
        assert endpoint.counters.idle_codec == 1


async def test_without_a_window_packets_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    worked: list[tuple[float, float]] = []  # it is told all the same how busy the loop is
    monkeypatch.setattr(endpoint_module.Window, "worked", lambda _, *time: worked.append(time))
    async with relay(batch_window_ms=0.0) as (endpoint, _), peers(2) as (host, viewer):
        await published(endpoint, host)
        await subscribed(endpoint, viewer, "seat-1")
        for n in range(20):
            host.send(AUDIO, b"%d" % n)
            await until(lambda n=n: len(viewer.received) == n + 1)
        assert endpoint.counters.forwarded == 20
        assert len(worked) >= 20
        assert all(begin < end for begin, end in worked)


async def test_churn_leaves_nothing_behind() -> None:
    async with relay() as (endpoint, samples), peers(1) as (host,):
        await published(endpoint, host)
        for n in range(30):
            host.send(VIDEO, KEY, stamp=n * 3000)
        for round_number in range(3):
            async with peers(8) as viewers:
                for number, viewer in enumerate(viewers):
                    await subscribed(endpoint, viewer, f"seat-{number}")
                    if number % 2:
                        viewer.session.restart_ice("newufrag", "n" * 24)
                # Of a session that nothing was sent to there is no sample.
                host.send(VIDEO, KEY, stamp=(30 + round_number) * 3000)
                media = [viewer.session.media for viewer in viewers]
                await until(
                    lambda media=media: all(m.totals(reported=False).packets for m in media)
                )
                if round_number:
                    endpoint.drop_peer("lesson", "seat-0")
                    for number, viewer in enumerate(viewers[1:], 1):
                        session = viewer.open(endpoint, SUBSCRIBE, peer=f"seat-{number}")
                        session.close("test")
                sessions = [viewer.session for viewer in viewers]
            await until(lambda sessions=sessions: all(s.closed.is_set() for s in sessions))
        await until(lambda: len(endpoint._tasks) == 1)
        assert len(endpoint.status()) == 1
        tables = (endpoint._sessions, endpoint._demux, endpoint._owners)
        assert [len(table) for table in tables] == [1, 1, 2]
        assert (endpoint._outputs, endpoint._window._waiting) == ({}, {})
        assert (len(endpoint._ice), len(endpoint._schedule)) == (1, 1)
        assert all(track.feed.slots == {} for track in host.session.media.tracks)  # type: ignore[union-attr]
        assert endpoint.rooms() == ("lesson",)
        assert len(samples) >= 24
