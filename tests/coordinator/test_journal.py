"""The relay's journal becomes facts: nothing twice, nothing lost, rubbish counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sync_classroom.coordinator.journal import SKIPPED, JournalIngest
from sync_classroom.coordinator.ports import JournalPage, RelayDownError
from sync_classroom.domain.facts import HostMedia, JournalGap, ParticipantMedia, SeatMedia
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.timetable import Mode
from tests.support.coordination import Bench, bench, heard
from tests.support.plans import at, lesson
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

ONE = OccurrenceId("o-1")
LESSON = lesson("o-1", seats=["far-1-r1", "far-2-r1"])
SEAT = LESSON.seats[0].id


def span(start: str, end: str) -> dict[str, str]:
    return {"from": at(start).isoformat(timespec="milliseconds"), "to": at(end).isoformat()}


def publish(number: int, start: str, end: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"relay-1:b1:{number}",
        "kind": "publish",
        "room": "o-1",
        "peer": "host",
        "source": "camera",
        **span(start, end),
        "packets": 900,
        "bytes": 900_000,
        "lost": 0,
        "jitter_ms": 1.5,
        "nacks": 0,
        "plis": 0,
        "path": "udp",
    } | more


def subscribe(number: int, start: str, end: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"relay-1:b1:{number}",
        "kind": "subscribe",
        "room": "o-1",
        "peer": SEAT,
        **span(start, end),
        "sent": 1000,
        "acked": 990,
        "bytes": 1_000_000,
        "lost": 10,
        "rtt_ms": 20.0,
        "jitter_ms": 1.0,
        "nacks": 0,
        "plis": 0,
        "dropped": 0,
        "path": "udp",
    } | more


@pytest_asyncio.fixture
async def table(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        await made.add(LESSON)
        made.clock.now = at("09:10")
        await made.lease.renew()
        yield made


def counted(reason: str) -> float:
    value = SKIPPED.labels(reason)._value.get()
    return float(value)


async def test_host_and_seat_samples_become_facts(table: Bench) -> None:
    table.relay.journal_records = [
        {"id": "relay-1:b1:1", "kind": "boot", "at": at("08:00").isoformat(), "version": "1"},
        publish(2, "09:00", "09:00:10"),
        publish(3, "09:00", "09:00:10", source="screen"),
        subscribe(4, "09:00:01", "09:00:11"),
        {"id": "relay-1:b1:5", "kind": "gap", **span("09:03", "09:04")},
    ]
    assert await table.booth.ingest.pull() == 4
    assert await table.store.facts_of([ONE]) == [
        HostMedia("relay-1:b1:2", ONE, at("09:00"), at("09:00:10"), 900, 900_000),
        HostMedia("relay-1:b1:3", ONE, at("09:00"), at("09:00:10"), 900, 900_000),
        SeatMedia("relay-1:b1:4", ONE, SEAT, at("09:00:01"), at("09:00:11"), 1000, 990, 1_000_000),
    ]
    assert await table.store.gaps_between(at("09:00"), at("10:00")) == [
        JournalGap("relay-1:b1:5", "relay-1", at("09:03"), at("09:04"))
    ]
    assert table.relay.confirmed == "5"
    assert await table.store.journal_cursor("relay-1") == "5"


async def test_only_what_proves_the_lesson_is_taken(table: Bench) -> None:
    before = {r: counted(r) for r in ("not_evidence", "check_room", "unknown_room")}
    table.relay.journal_records = [
        publish(1, "09:00", "09:01", peer=SEAT, source=f"seat:{SEAT}"),
        publish(2, "09:00", "09:01", peer="host", source="other"),
        subscribe(3, "09:00", "09:01", peer="host"),
        subscribe(4, "09:00", "09:01", peer="viewer:wall"),
        subscribe(5, "09:00", "09:01", peer="o-2-s01"),
        publish(6, "09:00", "09:01", room="check:far-1-r1", peer="check:far-1-r1"),
        publish(7, "09:00", "09:01", room="o-none"),
    ]
    assert await table.booth.ingest.pull() == 0
    assert await table.store.facts_of([ONE]) == []
    assert {r: counted(r) - before[r] for r in before} == {
        "not_evidence": 5,
        "check_room": 1,
        "unknown_room": 1,
    }
    assert table.relay.confirmed == "7"


async def test_rubbish_is_counted_and_holds_nothing_up(table: Bench) -> None:
    before = counted("malformed")
    table.relay.journal_records = [
        {},
        {"id": "relay-1:b1:1", "kind": "publish"},
        publish(2, "09:01", "09:00"),
        publish(3, "09:00", "09:01", packets=-1),
        publish(4, "09:00", "09:01", packets="many"),
        publish(5, "09:00", "09:01", **{"from": "2026-11-23T09:00:00"}),
        publish(6, "09:00", "09:01", id="no spaces allowed"),
        publish(7, "09:00", "09:01", room="../../etc"),
        subscribe(8, "09:00", "09:01", room=None),
        publish(9, "09:00", "09:01"),
    ]
    assert await table.booth.ingest.pull() == 1
    assert counted("malformed") - before == 9
    assert [f.id for f in await table.store.facts_of([ONE])] == ["relay-1:b1:9"]


async def test_pages_are_followed_to_the_end_and_each_confirmed(table: Bench) -> None:
    table.relay.page_limit = 3
    table.relay.journal_records = [subscribe(n, "09:00", "09:00:10") for n in range(1, 11)]
    assert await table.booth.ingest.pull() == 10
    assert table.relay.confirmed == "10"
    assert await table.booth.ingest.pull() == 0


async def test_it_says_by_when_everything_is_read(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest = table.booth.ingest
    assert ingest.heard_at is None

    async def away(*_: object) -> JournalPage:
        raise RelayDownError("away")

    with monkeypatch.context() as patch:
        patch.setattr(table.relay, "journal", away)
        with pytest.raises(RelayDownError):
            await ingest.pull()
    assert ingest.heard_at is None
    await ingest.pull()
    assert ingest.heard_at == at("09:10")
    table.clock.now = at("09:20")
    with monkeypatch.context() as patch:
        patch.setattr(table.relay, "journal", away)
        with pytest.raises(RelayDownError):
            await ingest.pull()
    assert ingest.heard_at == at("09:10")
    table.relay.page_limit = 1
    table.relay.journal_records = [subscribe(n, "09:00", "09:00:10") for n in (1, 2)]
    await ingest.pull()
    assert ingest.heard_at == at("09:20")


async def test_page_offered_again_after_a_crash_before_confirming_counts_once(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.relay.journal_records = [publish(1, "09:00", "09:00:10")]

    async def crash(_: str) -> None:
        raise RelayDownError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(table.relay, "confirm_journal", crash)
        with pytest.raises(RelayDownError):
            await table.booth.ingest.pull()
    # A relay that forgot nothing offers everything again to whoever asks from the start.
    table.relay.journal_records.append(publish(2, "09:00:10", "09:00:20"))
    assert await table.booth.ingest.pull() == 1
    assert len(await table.store.facts_of([ONE])) == 2
    assert table.relay.confirmed == "2"


async def test_store_that_fails_confirms_nothing(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.relay.journal_records = [publish(1, "09:00", "09:00:10")]

    async def full(*_: object, **__: object) -> int:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(table.store, "append_facts", full)
        with pytest.raises(OSError, match="disk full"):
            await table.booth.ingest.pull()
    assert table.relay.confirmed is None
    assert await table.booth.ingest.pull() == 1


async def test_new_evidence_refreshes_the_pages_that_show_it(table: Bench) -> None:
    table.relay.journal_records = [publish(1, "09:00", "09:00:10"), subscribe(2, "09:00", "09:01")]
    async with heard(table.bus, "lesson") as messages:
        await table.booth.ingest.pull()
        await until(
            lambda: {"type": "changed", "occurrence": "o-1", "what": "evidence"} in messages
        )
        await table.booth.ingest.pull()
        await table.bus.publish("lesson", {"type": "end"})
        await until(lambda: {"type": "end"} in messages)
    assert [m for m in messages if m.get("what") == "evidence"] == [messages[-2]]


async def test_late_host_media_makes_a_missed_lesson_ended(table: Bench) -> None:
    table.clock.now = at("11:00")
    await table.sweep(first=True)
    assert await table.state_of("o-1") == "missed"
    table.relay.journal_records = [publish(n, f"09:{n:02d}", f"09:{n + 1:02d}") for n in range(40)]
    await table.booth.ingest.pull()
    run = await table.run_of("o-1")
    assert run is not None
    assert (run.state, run.live_at, run.ended_at) == ("ended", at("09:00"), at("09:43"))


async def test_runs_only_while_leading_and_survives_a_relay_that_is_away(tmp_path: Path) -> None:
    async with bench(tmp_path) as table:
        await table.add(LESSON)
        leading = False
        pulled = 0

        class Counting(JournalIngest):
            async def pull(self) -> int:
                nonlocal pulled
                pulled += 1
                return await super().pull()

        ingest = Counting(
            table.store,
            table.bus,
            table.relay,
            relay_id="relay-1",
            clock=table.clock,
            busy=lambda: True,
            leading=lambda: leading,
            busy_s=0.01,
        )
        table.relay.journal_records = [publish(1, "09:00", "09:00:10")]
        table.relay.down = True
        task = asyncio.create_task(ingest.run())
        for _ in range(20):
            await asyncio.sleep(0)
        assert pulled == 0
        leading = True
        await until(lambda: pulled > 2)
        assert await table.store.facts_of([ONE]) == []
        table.relay.down = False
        await until(lambda: table.relay.confirmed == "1")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_instants_keep_their_milliseconds(table: Bench) -> None:
    table.relay.journal_records = [
        publish(
            1,
            "09:00",
            "09:01",
            to="2026-11-23T01:00:09.875Z",
            **{"from": "2026-11-23T01:00:00.125Z"},
        )
    ]
    await table.booth.ingest.pull()
    [fact] = await table.store.facts_of([ONE])
    assert isinstance(fact, HostMedia)
    assert fact.from_at == datetime.fromisoformat("2026-11-23T09:00:00.125+08:00")


MEETING = lesson(
    "s-1", mode=Mode.RESEARCH, teacher="host-1-t1", participants=["host-2-t1", "host-2-t2"]
)


async def test_of_a_meeting_senders_and_listeners_are_participants_and_its_leader_the_host(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as table:
        await table.add(MEETING)
        table.clock.now = at("09:10")
        await table.lease.renew()
        before = counted("not_evidence")
        room, two, three = {"room": "s-1"}, "t:host-2-t1", "t:host-2-t2"
        table.relay.journal_records = [
            publish(1, "09:00", "09:00:10", peer="t:host-1-t1", source="seat:t:host-1-t1", **room),
            publish(2, "09:00", "09:00:10", peer=two, source=f"seat:{two}", **room),
            publish(3, "09:00", "09:00:10", peer=two, source=f"screen:{two}", **room),
            subscribe(4, "09:00:01", "09:00:11", peer=three, **room),
            subscribe(5, "09:00:11", "09:00:21", peer=three, acked=0, **room),
            subscribe(6, "09:00:01", "09:00:11", peer="t:host-1-t1", acked=500, **room),
            publish(7, "09:00", "09:00:10", peer="guest:ab", source="seat:guest:ab", **room),
            subscribe(8, "09:00", "09:00:10", peer="guest:ab", **room),
        ]
        assert await table.booth.ingest.pull() == 5
        assert counted("not_evidence") - before == 3
        assert await table.booth.ingest.pull() == 0
        ident, long = MEETING.id, (at("09:00"), at("09:00:10"))
        later = (at("09:00:01"), at("09:00:11"))
        facts = await table.store.facts_of([ident])
        assert sorted(facts, key=lambda f: f.id) == [
            HostMedia("relay-1:b1:1", ident, *long, 900, 900_000),
            ParticipantMedia("relay-1:b1:2", ident, "host-2-t1", *long, 900, 900_000),
            ParticipantMedia("relay-1:b1:3", ident, "host-2-t1", *long, 900, 900_000),
            ParticipantMedia("relay-1:b1:4", ident, "host-2-t2", *later, 990, 990_000),
            ParticipantMedia("relay-1:b1:6", ident, "host-1-t1", *later, 500, 500_000),
        ]
        assert await table.booth.evidence.attendance(MEETING) == {
            "host-1-t1": 11, "host-2-t1": 10, "host-2-t2": 10,
        }  # fmt: skip
