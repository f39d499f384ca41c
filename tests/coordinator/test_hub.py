"""Presence over one and two coordinators, telling, taking over, reports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sync_classroom.coordinator.hub import (
    LINE_AGE_S,
    SEEN_STEP_S,
    SILENCE_S,
    Connection,
    TerminalHub,
)
from sync_classroom.coordinator.local_bus import LocalBus
from sync_classroom.coordinator.outbox import Farewell
from sync_classroom.domain.accounts import EnrolmentCode, Terminal
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, TerminalId
from sync_classroom.domain.messages import Check, CheckPath, Line, Selfcheck
from sync_classroom.store.database import Database
from tests.support.coordination import TurnedClock, heard, roster
from tests.support.databases import file_store
from tests.support.plans import at
from tests.support.waiting import PATIENCE_S, until
from tests.support.web import TurnedSeconds

pytestmark = pytest.mark.asyncio
ROOM = ClassroomId("far-1-r1")
OTHER = ClassroomId("far-1-r2")
CHECK = Selfcheck(
    Check("ok", ""), Check("failed", "占用"), Check("ok", ""), CheckPath("udp", 18, 0), 3
)


class Bench:
    """Hubs over one bus and one store; `clock` wall, `seconds` monotonic."""

    def __init__(self, store: Database) -> None:
        self.store = store
        self.bus = LocalBus()
        self.clock = TurnedClock(at("08:00"))
        self.seconds = TurnedSeconds()

    @asynccontextmanager
    async def hub(self, name: str, **options: int) -> AsyncIterator[TerminalHub]:
        hub = TerminalHub(
            self.bus, self.store, self.clock, hub_id=name, monotonic=self.seconds, **options
        )
        task = asyncio.create_task(hub.run(), name=name)
        await hub.listening()
        try:
            yield hub
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def enrolled(self, room: ClassroomId, name: str) -> Terminal:
        code = EnrolmentCode(name.encode(), room, "test", self.clock(), at("09:00"))
        await self.store.add_code(code)
        terminal = await self.store.redeem_code(
            name.encode(),
            Terminal(TerminalId(name), room, name.encode() * 8, self.clock()),
            now=self.clock(),
        )
        assert terminal is not None
        return terminal


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    store = await file_store(folder)
    await store.apply_roster(roster())
    try:
        yield Bench(store)
    finally:
        await store.close()


async def attached(hub: TerminalHub, terminal: Terminal) -> Connection:
    connection = await hub.attach(terminal, version="1")
    assert connection is not None
    return connection


async def sent(connection: Connection) -> list[object]:
    """What was sent, the farewell included, of a connection that is closing."""
    taken: list[object] = []
    async with asyncio.timeout(PATIENCE_S):
        while not isinstance(item := await connection.outbox.next(), Farewell):
            taken.append(item)
    return [*taken, item.code]


def line(state: str = "good", lesson: str = "o-1") -> Line:
    return Line(OccurrenceId(lesson), state, 800.0, 0.01, 120, "tcp")


async def test_a_room_is_online_at_every_coordinator_while_it_is_connected(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b, b.hub("a") as one, b.hub("b") as two:
        terminal = await b.enrolled(ROOM, "t1")
        connection = await attached(one, terminal)
        assert one.online() == {ROOM}
        await until(lambda: two.online() == {ROOM})
        assert two.here() == frozenset()
        await one.detach(connection)
        assert one.online() == frozenset()
        await until(lambda: two.online() == frozenset())


async def test_a_coordinator_started_later_learns_who_is_there(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, b.hub("a") as one:
        await attached(one, await b.enrolled(ROOM, "t1"))
        async with b.hub("b") as two:
            assert two.online() == frozenset()
            # What `one` says every few seconds.
            await b.bus.publish("presence", {"type": "here", "hub": "a", "rooms": {ROOM: None}})
            await until(lambda: two.online() == {ROOM})


async def test_a_coordinator_that_falls_silent_is_forgotten(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, b.hub("b") as two:
        await b.bus.publish("presence", {"type": "here", "hub": "a", "rooms": {ROOM: None}})
        await until(lambda: two.online() == {ROOM})
        b.seconds.now += SILENCE_S
        assert two.online() == {ROOM}
        b.seconds.now += 0.1
        assert two.online() == frozenset()


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "here"},
        {"type": "here", "hub": "a"},
        {"type": "here", "hub": "a", "rooms": 5},
        {"type": "here", "hub": "a", "rooms": {"r": {"state": "odd"}}},
        {"type": "joined", "hub": "a"},
        {"type": "joined", "hub": "a", "classroom": "r", "since": "soon"},
        {"type": "resync"},
        {"type": "new in a later version", "hub": "a"},
    ],
    ids=str,
)
async def test_rubbish_on_the_bus_changes_nothing(tmp_path: Path, message: dict[str, str]) -> None:
    async with bench(tmp_path) as b, b.hub("b") as two:
        await b.bus.publish("presence", message)
        await b.bus.publish("terminal", message)
        await b.bus.publish("presence", {"type": "joined", "hub": "c", "classroom": OTHER,
                                         "since": 0})  # fmt: skip
        await until(lambda: OTHER in two.online())
        assert two.online() - {ClassroomId("r")} == {OTHER}


async def test_a_message_reaches_the_room_wherever_it_is_connected(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, b.hub("a") as one, b.hub("b") as two:
        here = await attached(one, await b.enrolled(ROOM, "t1"))
        there = await attached(two, await b.enrolled(OTHER, "t2"))
        await one.tell(ROOM, {"type": "plan", "lessons": [1]})
        await one.tell(OTHER, {"type": "plan", "lessons": [2]})
        await one.tell(ClassroomId("nobody"), {"type": "plan", "lessons": [3]})
        assert await here.outbox.next() == {"type": "plan", "lessons": [1]}
        async with asyncio.timeout(PATIENCE_S):
            assert await there.outbox.next() == {"type": "plan", "lessons": [2]}


async def test_a_second_connection_takes_over_here(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, b.hub("a") as hub:
        terminal = await b.enrolled(ROOM, "t1")
        first = await attached(hub, terminal)
        second = await attached(hub, terminal)
        assert await sent(first) == [{"type": "bye", "reason": "replaced"}, 4409]
        await hub.detach(first)
        assert hub.here() == {ROOM}, "the first connection's end is not the second's"
        assert not second.outbox.closing


async def test_a_second_connection_takes_over_at_another_coordinator(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, b.hub("a") as one, b.hub("b") as two:
        terminal = await b.enrolled(ROOM, "t1")
        first = await attached(one, terminal)
        b.clock.turn(seconds=1)
        second = await attached(two, terminal)
        assert await sent(first) == [{"type": "bye", "reason": "replaced"}, 4409]
        assert not second.outbox.closing


async def test_of_two_that_join_at_the_same_instant_exactly_one_stays(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, b.hub("a") as one, b.hub("b") as two:
        terminal = await b.enrolled(ROOM, "t1")
        connections = await asyncio.gather(attached(one, terminal), attached(two, terminal))
        await until(lambda: any(c.outbox.closing for c in connections))
        # Both `joined` are on the bus before anything that follows them.
        for room in (OTHER,):
            await attached(one, await b.enrolled(room, "t2"))
            await until(lambda: OTHER in two.online())
        assert [c.outbox.closing for c in connections] == [True, False]


async def test_a_revoked_device_is_sent_away_and_its_heir_stays(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, b.hub("a") as one, b.hub("b") as two:
        old = await attached(two, await b.enrolled(ROOM, "t1"))
        await one.dismiss(ROOM, keep=TerminalId("t2"))
        assert await sent(old) == [{"type": "bye", "reason": "revoked"}, 4401]
        await two.detach(old)
        heir = await attached(two, await b.enrolled(ROOM, "t2"))
        await one.dismiss(ROOM, keep=TerminalId("t2"))
        await one.tell(ROOM, {"type": "plan"})
        async with asyncio.timeout(PATIENCE_S):
            assert await heir.outbox.next() == {"type": "plan"}
        assert not heir.outbox.closing


async def test_a_revocation_that_the_bus_lost_is_found_in_the_store(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, b.hub("a") as hub:
        terminal = await b.enrolled(ROOM, "t1")
        connection = await attached(hub, terminal)
        await b.store.revoke_terminal(terminal.id, now=b.clock())
        await b.bus.publish("terminal", {"type": "resync"})
        assert await sent(connection) == [{"type": "bye", "reason": "revoked"}, 4401]


async def test_a_full_coordinator_takes_nobody_more(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, b.hub("a", max_connections=1) as hub:
        terminal = await b.enrolled(ROOM, "t1")
        await attached(hub, terminal)
        assert await hub.attach(await b.enrolled(OTHER, "t2"), version="1") is None
        await attached(hub, terminal)


async def test_the_latest_line_counts_while_it_is_fresh(tmp_path: Path) -> None:
    async with (
        bench(tmp_path) as b,
        b.hub("a") as one,
        b.hub("b") as two,
        heard(b.bus, "lesson") as lessons,
    ):
        connection = await attached(one, await b.enrolled(ROOM, "t1"))
        assert one.line_of(ROOM) is None
        await one.report_line(connection, line("good"))
        await one.report_line(connection, line("good"))
        await one.report_line(connection, line("weak"))
        mine = one.line_of(ROOM)
        assert mine is not None
        assert (mine.state, mine.kbps, mine.loss, mine.frames) == ("weak", 800.0, 0.01, 120)
        await until(lambda: (r := two.line_of(ROOM)) is not None and r.state == "weak")
        # Told when the word or the loss changes to be seen, not at every report.
        await one.report_line(connection, replace(line("weak"), loss=0.02))
        await one.report_line(connection, replace(line("weak"), loss=0.12))
        await until(lambda: len(lessons) >= 3)
        assert lessons == [{"type": "changed", "occurrence": "o-1"}] * 3
        b.seconds.now += LINE_AGE_S + 0.1
        assert one.line_of(ROOM) is None
        assert two.line_of(ROOM) is None


async def test_reports_reach_the_store_and_not_at_every_message(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        hub = TerminalHub(b.bus, b.store, b.clock, monotonic=b.seconds)
        connection = await attached(hub, await b.enrolled(ROOM, "t1"))

        async def row() -> Terminal:
            (terminal,) = await b.store.terminals()
            return terminal

        await hub.write_reports()
        assert (await row()).last_seen_at == b.clock()
        assert (await row()).page_version == "1"
        seen = b.clock()
        b.clock.turn(seconds=30)
        b.seconds.now += 30
        await hub.write_reports()
        assert (await row()).last_seen_at == seen, "written once a minute"
        hub.report_selfcheck(connection, CHECK)
        await hub.write_reports()
        stored = await row()
        assert stored.selfcheck_at == b.clock()
        assert stored.selfcheck is not None
        assert stored.selfcheck["microphone"] == {"state": "failed", "detail": "占用"}
        b.clock.turn(seconds=SEEN_STEP_S)
        b.seconds.now += SEEN_STEP_S
        await hub.write_reports()
        assert (await row()).last_seen_at == b.clock()
        assert (await row()).selfcheck == stored.selfcheck


async def test_the_last_report_of_a_connection_that_ended_is_stored(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        hub = TerminalHub(b.bus, b.store, b.clock, monotonic=b.seconds)
        connection = await attached(hub, await b.enrolled(ROOM, "t1"))
        hub.report_selfcheck(connection, CHECK)
        await hub.detach(connection)
        await hub.write_reports()
        (terminal,) = await b.store.terminals()
        assert terminal.selfcheck is not None
        assert terminal.last_seen_at == b.clock()


async def test_the_server_says_goodbye(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, b.hub("a") as hub:
        connection = await attached(hub, await b.enrolled(ROOM, "t1"))
        hub.say_goodbye()
        assert await sent(connection) == [{"type": "bye", "reason": "restart"}, 1001]
