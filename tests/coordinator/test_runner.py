"""Whatever is lost, the lesson ends in the right state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sync_classroom.coordinator.lease import LeaseKeeper
from sync_classroom.coordinator.rooms import layouts
from sync_classroom.domain.facts import HostMedia
from sync_classroom.domain.floor import Floor
from sync_classroom.domain.ids import FactId, OccurrenceId, SeatId
from sync_classroom.domain.timetable import Change, ChangeKind
from tests.support.coordination import Bench, RunningClock, bench, heard, peer
from tests.support.plan_changes import withdraw
from tests.support.plans import at, lesson
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

ONE = OccurrenceId("o-1")
LESSON = lesson("o-1", seats=["far-1-r1", "far-2-r1"])


@pytest_asyncio.fixture
async def table(tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench whose clock stands still; sweeps are done by hand."""
    async with bench(tmp_path) as made:
        await made.add(LESSON)
        yield made


def host_fact(ident: str, start: str, end: str) -> HostMedia:
    return HostMedia(FactId(ident), ONE, at(start), at(end), 100, 10_000)


# ---------------------------------------------------------------- sweeps, with the clock by hand


async def test_a_whole_lesson_by_sweeps_alone(table: Bench) -> None:
    await table.sweep(first=True)
    assert await table.state_of("o-1") is None
    table.clock.now = at("08:50:03")
    await table.sweep()
    assert await table.state_of("o-1") == "open"
    table.relay.host_flows("o-1")
    table.clock.now = at("09:00:01")
    await table.sweep()
    assert await table.state_of("o-1") == "live"
    table.clock.now = at("09:39")
    await table.sweep()
    assert await table.state_of("o-1") == "live"
    table.relay.host_flows("o-1", False)
    table.clock.now = at("09:41")
    await table.sweep()
    assert await table.state_of("o-1") == "live"
    table.clock.now = at("09:44:30")
    await table.sweep()
    run = await table.run_of("o-1")
    assert run is not None
    assert (run.state, run.end_reason) == ("ended", "host_gone")
    assert run.live_at == at("09:00:01")
    assert run.ended_at == at("09:44")
    assert table.relay.rooms == {}


async def test_lesson_created_two_minutes_before_its_start_opens_at_the_next_sweep(
    table: Bench,
) -> None:
    table.clock.now = at("13:00")
    await table.sweep(first=True)
    await table.add(lesson("o-new", "13:02", "13:40", seats=["far-1-r3"]))
    await table.sweep()
    assert await table.state_of("o-new") == "open"
    assert list(table.relay.rooms) == ["o-new"]


async def test_lesson_that_began_two_minutes_ago_opens_at_the_next_sweep(table: Bench) -> None:
    table.clock.now = at("13:00")
    await table.add(lesson("o-new", "12:58", "13:40", seats=["far-1-r3"]))
    await table.sweep()
    assert await table.state_of("o-new") == "open"


async def test_restart_in_mid_lesson_keeps_it_live_and_lays_its_room_out_again(
    table: Bench, tmp_path: Path
) -> None:
    table.clock.now = at("09:00")
    await table.sweep(first=True)
    table.relay.host_flows("o-1")
    await table.sweep()
    before = await table.run_of("o-1")
    puts = table.relay.puts
    table.clock.now = at("09:10")
    async with bench(tmp_path, store=table.store, relay=table.relay, clock=table.clock) as after:
        await after.sweep(first=True)
        assert await after.run_of("o-1") == before
    assert table.relay.puts == puts + 1
    assert table.relay.deleted == []


async def test_coordinator_away_from_before_open_until_the_middle_finds_the_lesson_running(
    table: Bench,
) -> None:
    table.relay.host_flows("o-1")  # the host's token made the room
    table.clock.now = at("09:20")
    await table.sweep(first=True)
    await table.sweep()
    run = await table.run_of("o-1")
    assert run is not None
    assert (run.state, run.live_at) == ("live", at("09:20"))
    # … and the journal then proves since when.
    await table.store.append_facts(
        [host_fact("r:1", "08:58", "09:00"), host_fact("r:2", "09:00", "09:20")],
        received_at=table.clock(),
    )
    await table.booth.runner.late_media({ONE: at("08:58")})
    run = await table.run_of("o-1")
    assert run is not None
    assert (run.state, run.live_at) == ("live", at("08:58"))


async def test_coordinator_away_over_the_whole_lesson_corrects_missed_by_the_journal(
    table: Bench,
) -> None:
    table.clock.now = at("11:00")
    await table.sweep(first=True)
    assert await table.state_of("o-1") == "missed"
    await table.store.append_facts(
        [host_fact("r:1", "08:59", "09:20"), host_fact("r:2", "09:20", "09:41")],
        received_at=table.clock(),
    )
    await table.booth.runner.late_media({ONE: at("08:59")})
    run = await table.run_of("o-1")
    assert run is not None
    assert (run.state, run.end_reason) == ("ended", "host_gone")
    assert (run.live_at, run.ended_at) == (at("08:59"), at("09:44"))


async def test_lessons_missed_over_a_holiday_are_decided_by_the_first_sweep(table: Bench) -> None:
    table.clock.now = at("08:00", "2027-02-20")
    await table.sweep(first=True)
    assert await table.state_of("o-1") == "missed"
    table.clock.now = at("08:00", "2027-02-21")
    await table.sweep()
    assert await table.state_of("o-1") == "missed"


async def test_clock_stepped_forward_an_hour_ends_where_time_would_have_ended(
    table: Bench,
) -> None:
    table.clock.now = at("08:55")
    await table.sweep(first=True)
    table.relay.host_flows("o-1")
    await table.sweep()
    table.clock.turn(hours=1)
    await table.sweep()
    run = await table.run_of("o-1")
    assert run is not None
    assert (run.state, run.end_reason, run.ended_at) == ("ended", "grace_over", at("09:45"))


async def test_clock_stepped_back_an_hour_takes_nothing_back(table: Bench) -> None:
    table.clock.now = at("09:10")
    await table.sweep(first=True)
    table.relay.host_flows("o-1")
    await table.sweep()
    live = await table.run_of("o-1")
    table.clock.turn(hours=-1)
    await table.sweep()
    assert await table.run_of("o-1") == live
    assert list(table.relay.rooms) == ["o-1"]
    table.clock.now = at("09:45")
    await table.sweep()
    assert await table.state_of("o-1") == "ended"


async def test_relay_down_at_open_time_gets_its_room_when_it_is_back(table: Bench) -> None:
    table.relay.down = True
    table.clock.now = at("08:50")
    await table.sweep(first=True)
    assert await table.state_of("o-1") == "open"
    assert table.relay.rooms == {}
    table.relay.down = False
    await table.sweep()
    assert list(table.relay.rooms) == ["o-1"]


async def test_relay_killed_in_mid_lesson_gets_every_room_and_terminals_are_told(
    table: Bench,
) -> None:
    other = lesson(
        "o-2", room="host-2-r1", school="host-2", teacher="host-2-t1", seats=["far-1-r2"]
    )
    await table.add(other)
    table.clock.now = at("08:55")
    await table.sweep(first=True)
    assert sorted(table.relay.rooms) == ["o-1", "o-2"]
    before = dict(table.relay.rooms)
    async with heard(table.bus, "relay") as messages:
        table.relay.reboot()
        await table.booth.media.refresh()
        await table.booth.runner.follow_media()
        assert table.relay.rooms == before
        await until(lambda: messages)
    assert messages == [{"type": "boot", "boot": "boot-2"}]


async def test_a_reboot_seen_while_the_store_was_away_is_told_when_it_is_back(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.clock.now = at("08:55")
    await table.sweep(first=True)
    before = dict(table.relay.rooms)

    async def broken(*_: object, **__: object) -> Any:
        raise OSError("database is gone")

    async with heard(table.bus, "relay") as messages:
        table.relay.reboot()
        await table.booth.media.refresh()
        with monkeypatch.context() as patch:
            patch.setattr(table.store, "floors_of", broken)
            with pytest.raises(OSError, match="gone"):
                await table.booth.runner.follow_media()
        assert messages == []
        for _ in range(2):
            await table.booth.runner.follow_media()
        assert table.relay.rooms == before
        await until(lambda: messages)
    assert messages == [{"type": "boot", "boot": "boot-2"}]


async def test_a_reign_that_begins_during_a_sweep_has_its_first_sweep_next(tmp_path: Path) -> None:
    clock = RunningClock(at("08:00"))
    async with bench(tmp_path, clock=clock, sweep_s=0.02) as table:
        runner, lease = table.booth.runner, table.lease
        firsts: list[tuple[int, bool]] = []
        honest = runner.sweep

        async def sweep(*, first: bool = False) -> None:
            firsts.append((lease.reigns, first))
            if len(firsts) == 1:  # it lapses meanwhile, and comes back
                lease.lost()
                await lease.renew()
            await honest(first=first)

        runner.sweep = sweep  # type: ignore[method-assign]
        async with table.running():
            await until(lambda: len(firsts) > 2)
        begun = firsts[0][0]
        assert firsts[:3] == [(begun, True), (begun + 1, True), (begun + 1, False)]


async def test_first_sight_of_a_relay_is_no_reboot(table: Bench) -> None:
    async with heard(table.bus, "relay") as messages:
        await table.sweep(first=True)
        await table.sweep()
        await table.bus.publish("relay", {"type": "end"})
        await until(lambda: messages)
    assert messages == [{"type": "end"}]


async def test_room_left_over_of_a_finished_lesson_is_closed(table: Bench) -> None:
    table.clock.now = at("11:00")
    await table.sweep(first=True)
    await table.relay.put_room(next(iter([_spec("o-1")])))
    await table.sweep()
    assert table.relay.rooms == {}


async def test_room_of_a_planned_lesson_made_by_a_token_is_left_alone(table: Bench) -> None:
    table.clock.now = at("08:46")
    await table.relay.put_room(_spec("o-1"))
    await table.relay.put_room(_spec("check:far-1-r1"))
    await table.sweep(first=True)
    assert sorted(table.relay.rooms) == ["check:far-1-r1", "o-1"]


async def test_cancelled_lesson_is_closed_at_once(table: Bench) -> None:
    table.clock.now = at("08:55")
    await table.sweep(first=True)
    gone = Change(ChangeKind.CANCELLED, table.clock(), "u", "停电")
    await withdraw(table.store, ONE, gone)
    await table.sweep()
    assert await table.state_of("o-1") == "cancelled"
    assert table.relay.rooms == {}


async def test_lesson_planned_by_another_process_is_announced_once(table: Bench) -> None:
    await table.sweep(first=True)
    async with heard(table.bus, "plan") as messages:
        await table.add(lesson("o-2", "08:20", "08:50", seats=["far-1-r2"]))
        await table.sweep()
        await table.sweep()
        await table.bus.publish("plan", {"type": "end"})
        await until(lambda: {"type": "end"} in messages)
    assert messages == [{"type": "changed"}, {"type": "end"}]


async def test_one_failing_lesson_stops_no_other(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await table.add(
        lesson("o-2", room="host-1-r2", teacher="host-1-t2", seats=["far-1-r2"]),
        lesson("o-3", room="host-1-r3", school="host-2", teacher="host-2-t1", seats=["far-1-r3"]),
    )
    table.clock.now = at("08:55")
    honest = table.store.save_runs

    async def save_runs(runs: Any, **how: Any) -> Any:
        if any(run.occurrence == "o-2" for run in runs):
            raise OSError("disk full")
        return await honest(runs, **how)

    monkeypatch.setattr(table.store, "save_runs", save_runs)
    await table.sweep(first=True)
    assert [await table.state_of(f"o-{n}") for n in (1, 2, 3)] == ["open", None, "open"]
    monkeypatch.undo()
    await table.sweep()
    assert await table.state_of("o-2") == "open"


async def test_connected_and_receiving_seats_are_laid_out_and_told(table: Bench) -> None:
    table.clock.now = at("08:55")
    await table.sweep(first=True)
    await table.sweep()
    seat = LESSON.seats[1]
    async with heard(table.bus, "lesson") as messages:
        await table.sweep()
        assert messages == []  # nothing changed, nothing said
        table.terminals.connected.add(seat.classroom)
        await table.sweep()
        assert table.relay.rooms["o-1"].layouts == layouts(LESSON, Floor(ONE), {SeatId(seat.id)})
        table.relay.peers.append(peer("o-1", seat.id, "subscribe"))
        await table.sweep()
        await table.sweep()
        await until(lambda: len(messages) >= 2)
    assert messages == [{"type": "changed", "occurrence": "o-1", "what": "media"}] * 2


async def test_unfinished_run_of_a_lesson_long_past_is_ended(table: Bench) -> None:
    table.clock.now = at("09:00")
    await table.sweep(first=True)
    table.relay.host_flows("o-1")
    await table.sweep()
    table.relay.host_flows("o-1", False)
    table.clock.now = at("09:00", "2026-11-27")
    await table.sweep()
    assert await table.state_of("o-1") == "ended"


async def test_two_coordinators_one_lease_only_the_holder_sweeps(
    table: Bench, tmp_path: Path
) -> None:
    table.clock.now = at("08:55")
    await table.lease.renew()
    async with (
        bench(
            tmp_path,
            store=table.store,
            bus=table.bus,
            relay=table.relay,
            clock=table.clock,
            holder="two",
        ) as other,
        other.running(),
    ):
        await until(lambda: other.booth.media.generation > 3)
        assert not other.lease.leading
        assert other.booth.runner.sweeps == 0
        assert await table.state_of("o-1") is None
        await table.store.release_lease("one")
        # The second takes over as soon as it asks again, and does what is due.
        await other.lease.renew()
        await until(lambda: other.booth.runner.sweeps > 0)
        assert await table.state_of("o-1") == "open"


# ---------------------------------------------------------------- running, in real time


async def test_opens_by_alarm_when_no_sweep_would(tmp_path: Path) -> None:
    """How late: test_troubled_day bounds it in a virtual day, bench.scheduler.bell measures it."""
    clock = RunningClock(at("08:49:59"))
    async with bench(tmp_path, clock=clock, sweep_s=3600) as table:
        await table.add(LESSON)
        async with table.running():
            await until(lambda: table.state_of("o-1"))
            run = await table.run_of("o-1")
            assert run is not None
            assert run.opened_at is not None
            assert run.opened_at >= at("08:50")
            assert table.booth.runner.sweeps < 3  # the first and the nudge it gives
            await until(lambda: "o-1" in table.relay.rooms)


async def test_lost_alarm_costs_one_sweep(tmp_path: Path) -> None:
    clock = RunningClock(at("08:49:59.500000"))
    async with bench(tmp_path, clock=clock, sweep_s=0.1) as table:
        await table.add(LESSON)
        async with table.running():
            await until(lambda: table.booth.runner.sweeps)
            for _ in range(100):  # whatever sets it, it is lost again
                table.booth.runner._alarms.drop("o-1")
                await asyncio.sleep(0.005)
            await until(lambda: table.state_of("o-1"))


async def test_plan_changed_on_the_bus_is_looked_at_at_once(tmp_path: Path) -> None:
    clock = RunningClock(at("09:02"))
    async with bench(tmp_path, clock=clock, sweep_s=3600) as table, table.running():
        await until(lambda: table.booth.runner.sweeps >= 2)  # the first and the nudge it gives
        await table.add(LESSON)  # created two minutes after it began
        await table.bus.publish("plan", {"type": "changed"})
        await until(lambda: table.state_of("o-1"))


async def test_becomes_live_by_media_without_a_sweep(tmp_path: Path) -> None:
    clock = RunningClock(at("08:55"))
    async with bench(tmp_path, clock=clock, sweep_s=3600) as table:
        await table.add(LESSON)
        async with table.running():
            await until(lambda: "o-1" in table.relay.rooms)
            table.relay.host_flows("o-1")
            await until(lambda: _is(table, "live"))


async def test_stepping_the_clock_while_running_ends_in_the_right_state(tmp_path: Path) -> None:
    clock = RunningClock(at("08:00"))
    async with bench(tmp_path, clock=clock, sweep_s=0.1) as table:
        await table.add(LESSON)
        async with table.running():
            await until(lambda: table.booth.runner.sweeps)
            clock.step(hours=1)
            await until(lambda: _is(table, "open"))
            clock.step(hours=-1)
            seen = table.booth.runner.sweeps
            await until(lambda: table.booth.runner.sweeps > seen + 1)
            assert await table.state_of("o-1") == "open"
            clock.step(hours=2)
            await until(lambda: _is(table, "missed"))


async def test_store_that_is_away_for_a_while_ends_no_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = RunningClock(at("08:55"))
    async with bench(tmp_path, clock=clock, sweep_s=0.05) as table:
        await table.add(LESSON)

        async def broken(*_: object, **__: object) -> Any:
            raise OSError("database is gone")

        with monkeypatch.context() as patch:
            for name in ("undecided_between", "unfinished_runs", "save_runs"):
                patch.setattr(table.store, name, broken)
            async with table.running():
                await until(lambda: table.booth.media.generation > 5)
                assert table.booth.runner.sweeps == 0
                patch.undo()
                await until(lambda: _is(table, "open"))


async def test_leader_that_loses_the_lease_stops_acting(tmp_path: Path) -> None:
    clock = RunningClock(at("08:00"))
    async with bench(tmp_path, clock=clock, sweep_s=0.05) as table:
        await table.add(LESSON)
        async with table.running():
            await until(lambda: table.booth.runner.sweeps)
            await table.store.release_lease("one")
            assert await LeaseKeeper(table.store, "two").renew()
            await table.lease.renew()
            clock.step(hours=1)
            seen = table.booth.media.generation
            await until(lambda: table.booth.media.generation > seen + 5)
            assert await table.state_of("o-1") is None


async def _is(table: Bench, state: str) -> bool:
    return await table.state_of("o-1") == state


def _spec(room: str) -> Any:
    from sync_classroom.coordinator.ports import RoomSpec

    return RoomSpec(room)


async def test_a_nudge_in_the_moment_of_stopping_does_not_keep_it_running(tmp_path: Path) -> None:
    async with bench(tmp_path, clock=RunningClock(at("09:00")), sweep_s=3600) as table:
        for _ in range(20):
            async with table.running():
                await table.booth.runner.swept(table.booth.runner.sweeps)
                table.booth.runner.nudge()
