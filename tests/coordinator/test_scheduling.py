"""Lessons go through their lives once and on time, whatever happens to their coordinators.

In virtual time: hours pass in the time that the work in them takes, and nothing is left to chance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import LessonRules, LessonState
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence
from tests.support.coordination import roster
from tests.support.databases import with_tables
from tests.support.plan_changes import book, changing, withdraw
from tests.support.plans import at, lesson
from tests.support.scheduling import (
    CANCELLED,
    ENDED,
    LIVE,
    OPEN,
    Expected,
    School,
    differences,
    given,
    missed,
    school,
    withdrawn,
)
from tests.support.virtual_time import VirtualLoop, run_virtual

#: A lesson of five minutes: opens at 08:59:00, is live from 09:00 at the latest, over at 09:05:30.
RULES = LessonRules(lead_s=60, grace_s=30, extension_s=30, host_gone_s=20, max_extended_s=60)
ON_TIME = timedelta(milliseconds=200)
SWEEP = timedelta(seconds=5)
# The lease runs out, the other asks again, and its first sweep looks.
TAKEOVER = timedelta(seconds=15 + 5) + SWEEP


def planned(n: int, start: str = "09:00", end: str = "09:05", ident: str = "o") -> Occurrence:
    host, room = 1 + n % 2, 1 + n // 2
    return lesson(
        f"{ident}-{n}", start, end, room=f"host-{host}-r{room}", school=f"host-{host}",
        teacher=f"host-{host}-t{room}", seats=[f"far-1-r{n + 1}"],
    )  # fmt: skip


BELL = [planned(n) for n in range(4)]
#: Hosts send in these; in the last one nobody ever does.
GIVEN = BELL[:3]


def play(
    where: Path | tuple[str, Path],
    begin: datetime,
    scene: Callable[[School], Coroutine[Any, Any, None]],
    plan: list[Occurrence] | None = None,
    **how: Any,
) -> None:
    """A scene over a school in which the bell's lessons, or others, are planned."""
    url, folder = (with_tables(where / "store.db"), where) if isinstance(where, Path) else where

    async def main(loop: VirtualLoop) -> None:
        async with school(url, folder, loop, rules=RULES, **how) as made:
            await made.store.apply_roster(roster())
            for one in BELL if plan is None else plan:
                await book(made.store, one, key=one.id, gap_s=0)
            await scene(made)

    run_virtual(begin, main)


async def hosts_send(made: School, wall: datetime) -> None:
    """At that time hosts begin to send in the lessons that are given."""
    await made.until(wall)
    for one in GIVEN:
        made.relay.host_flows(one.id)


async def went_well(
    made: School,
    late: timedelta = ON_TIME,
    expected: dict[OccurrenceId, Expected] | None = None,
    until: str = "09:06",
) -> None:
    """To the end, and everything went as the plan says."""
    await made.until(at(until))
    if expected is None:
        expected = {o.id: given(o, RULES) for o in GIVEN} | {BELL[3].id: missed(BELL[3], RULES)}
    assert await differences(made.stored, made.store, expected, late=late) == []
    assert made.relay.rooms == {}


def test_a_bell_rings_on_time(tmp_path: Path, database_url: str) -> None:
    async def scene(made: School) -> None:
        await made.start()
        await hosts_send(made, at("08:59:30"))
        await went_well(made)

    play((database_url, tmp_path), at("08:58"), scene)


# ---------------------------------------------------------------- restart, takeover


@pytest.mark.parametrize(
    "clock",
    [
        "08:58:30", "08:58:59.999", "08:59:00.0001", "08:59:20", "08:59:50", "09:02", "09:04:59",
        "09:05:10", "09:05:29.999", "09:05:30.0001",
    ],
)  # fmt: skip
def test_restart_at_every_point_of_a_lessons_life(tmp_path: Path, clock: str) -> None:
    down = timedelta(seconds=3)

    async def scene(made: School) -> None:
        one = await made.start()

        async def restart() -> None:
            await made.until(at(clock))
            await one.kill()
            await made.until(at(clock) + down)
            await made.start()

        task = made.loop.create_task(restart())
        await hosts_send(made, at("08:59:30"))
        await went_well(made, late=down + ON_TIME)
        await task

    play(tmp_path, at("08:58"), scene)


def test_takeover_between_two_coordinators_in_the_middle_of_a_bell(
    tmp_path: Path, database_url: str
) -> None:
    """The leader stands still before it stores the bell, and goes on when another leads."""

    async def scene(made: School) -> None:
        one = await made.start("one")
        await made.until(at("08:58:10"))
        two = await made.start("two")
        await made.until(at("08:58:59"))
        one.store.frozen = asyncio.Event()
        await made.until(at("08:59:30"))
        assert not one.lease.leading
        assert two.lease.leading
        assert two.lease.epoch == one.lease.epoch + 1
        opened = {o.id: made.stored.at(o.id, OPEN) for o in BELL}
        one.store.frozen.set()
        await hosts_send(made, at("08:59:40"))
        await went_well(made, late=TAKEOVER)
        assert {o.id: made.stored.at(o.id, OPEN) for o in BELL} == opened

    play((database_url, tmp_path), at("08:58"), scene)


def test_the_old_leaders_late_step_is_not_stored(tmp_path: Path, database_url: str) -> None:
    """The new leader has not come to the bell yet when the old one goes on with it."""

    async def scene(made: School) -> None:
        one = await made.start("one")
        await made.until(at("08:58:59.999"))
        one.store.frozen = asyncio.Event()
        await made.until(at("08:59:01"))  # the alarm rang; the step is decided and on its way
        while (await made.store.hold_lease("two", for_s=60)).holder != "two":
            await asyncio.sleep(1)
        one.store.frozen.set()
        await asyncio.sleep(1)
        assert not one.lease.leading
        assert made.stored.steps == {}
        assert await made.store.runs_of([o.id for o in BELL]) == {}
        assert made.relay.rooms == {}

    play((database_url, tmp_path), at("08:58"), scene)


def test_clean_stop_hands_over_without_a_moment_lost(tmp_path: Path) -> None:
    async def scene(made: School) -> None:
        one = await made.start("one")
        await made.start("two")
        await made.until(at("08:58:57"))
        await one.stop()  # the other asks for the lease every five seconds
        await hosts_send(made, at("08:59:30"))
        await went_well(made, late=SWEEP + ON_TIME)

    play(tmp_path, at("08:58"), scene)


def test_both_killed_at_the_bell_and_one_comes_back(tmp_path: Path) -> None:
    async def scene(made: School) -> None:
        both = [await made.start("one"), await made.start("two")]
        await made.until(at("08:58:59.999"))
        for one in both:
            await one.kill()
        await hosts_send(made, at("08:59:10"))  # by the token they have
        await made.until(at("08:59:20"))
        await made.start("two")  # not the one that has the lease: it has to wait for it
        await went_well(made, late=timedelta(seconds=20) + TAKEOVER)

    play(tmp_path, at("08:58"), scene)


# ---------------------------------------------------------------- clock


@pytest.mark.parametrize("step_s", [25, 120])
def test_clock_stepped_forward_over_openings_that_are_due(tmp_path: Path, step_s: int) -> None:
    async def scene(made: School) -> None:
        await made.start()
        await made.until(at("08:58:45"))
        made.loop.step(seconds=step_s)
        over = timedelta(seconds=step_s - 15)  # so much later than due the clock says it is
        await made.until(at("08:58:45") + timedelta(seconds=step_s) + ON_TIME)
        opened = [made.stored.at(o.id, OPEN) - at("08:59") for o in BELL]
        assert all(over <= late <= over + ON_TIME for late in opened)
        await hosts_send(made, at("09:01"))
        await went_well(made, late=over + ON_TIME)

    play(tmp_path, at("08:58"), scene)


def test_clock_stepped_forward_leaves_later_alarms_on_time(tmp_path: Path) -> None:
    async def scene(made: School) -> None:
        await made.start()
        await made.until(at("08:45:02"))
        made.loop.step(minutes=10)
        await hosts_send(made, at("08:59:30"))
        await went_well(made)

    play(tmp_path, at("08:45"), scene)


@pytest.mark.parametrize("when", ["08:58:50", "08:59:40", "09:05:20"])
def test_clock_stepped_back_opens_and_ends_nothing_twice_or_early(
    tmp_path: Path, when: str
) -> None:
    async def scene(made: School) -> None:
        await made.start()

        async def step() -> None:
            await made.until(at(when))
            made.loop.step(seconds=-60)

        task = made.loop.create_task(step())
        await hosts_send(made, at("08:59:30"))
        await task
        await went_well(made)

    play(tmp_path, at("08:58"), scene)


BERLIN = ZoneInfo("Europe/Berlin")


def in_berlin(n: int, start: datetime) -> Occurrence:
    """A lesson of five minutes at a civil time of Berlin, as it is stored."""
    starts_at = start.replace(tzinfo=BERLIN).astimezone(UTC)
    return replace(
        planned(n), date=start.date(), starts_at=starts_at, ends_at=starts_at + timedelta(minutes=5)
    )


@pytest.mark.parametrize(
    ("lessons", "starts"),
    [
        (  # the hour from 02:00 comes twice: a lesson in each, each once
            [
                in_berlin(0, datetime(2026, 10, 25, 1, 59)),  # noqa: DTZ001 - civil time is meant
                in_berlin(1, datetime(2026, 10, 25, 2, 30)),  # noqa: DTZ001
                in_berlin(2, datetime(2026, 10, 25, 2, 30, fold=1)),  # noqa: DTZ001
            ],
            ["2026-10-24T23:59Z", "2026-10-25T00:30Z", "2026-10-25T01:30Z"],
        ),
        (  # the hour from 02:00 is missing: by RFC 5545 half past two is what is called 03:30 then
            [
                in_berlin(0, datetime(2027, 3, 28, 1, 59)),  # noqa: DTZ001
                in_berlin(1, datetime(2027, 3, 28, 2, 30)),  # noqa: DTZ001
                in_berlin(2, datetime(2027, 3, 28, 3, 0)),  # noqa: DTZ001
            ],
            ["2027-03-28T00:59Z", "2027-03-28T01:30Z", "2027-03-28T01:00Z"],
        ),
    ],
    ids=["repeated hour", "missing hour"],
)
def test_the_night_the_clock_of_another_zone_changes(
    tmp_path: Path, lessons: list[Occurrence], starts: list[str]
) -> None:
    due = [datetime.fromisoformat(start) for start in starts]

    async def scene(made: School) -> None:
        one = await made.start()
        for planned_ in lessons:
            made.relay.host_flows(planned_.id)
        told = await one.booth.desk.plan_for(lessons[1].host.classroom)
        assert [entry["starts_at"] for entry in told] == [due[1].astimezone(BERLIN).isoformat()]
        await made.until(max(due) + timedelta(minutes=6))
        expected = {o.id: given(o, RULES) for o in lessons}
        assert await differences(made.stored, made.store, expected, late=ON_TIME) == []
        assert [e.due[OPEN] for e in expected.values()] == [
            start - timedelta(seconds=60) for start in due
        ]

    begin = min(due) - timedelta(minutes=2)
    play(tmp_path, begin, scene, lessons, zone=BERLIN, sweep_s=60, poll_s=30, clock_look_s=30)


# ---------------------------------------------------------------- the plan changes


@pytest.mark.parametrize("bus_is_silent", [False, True])
@pytest.mark.parametrize("start", ["09:02:00", "09:00:30"])
def test_a_lesson_created_two_minutes_before_or_after_its_start(
    tmp_path: Path, start: str, bus_is_silent: bool
) -> None:
    made_now = planned(0, start, "09:05")

    async def scene(made: School) -> None:
        await made.start()
        await made.until(at("09:02:31"))
        made.bus.silent = bus_is_silent
        await book(made.store, made_now, key="k", gap_s=0)
        await made.bus.publish("plan", {"type": "changed"})
        made.relay.host_flows(made_now.id)
        await made.until(at("09:02:31") + (SWEEP if bus_is_silent else timedelta(0)) + ON_TIME)
        assert made.stored.states(made_now.id)[:1] == [OPEN]
        await made.until(at("09:06"))
        assert made.stored.states(made_now.id) == [OPEN, LIVE, ENDED]

    play(tmp_path, at("08:58"), scene, [])


@pytest.mark.parametrize("bus_is_silent", [False, True])
def test_a_lesson_cancelled_while_open(tmp_path: Path, bus_is_silent: bool) -> None:
    gone = BELL[0]

    async def scene(made: School) -> None:
        await made.start()
        await made.until(at("08:59:22"))
        made.bus.silent = bus_is_silent
        await withdraw(
            made.store, gone.id, Change(ChangeKind.CANCELLED, made.now(), "u", "停电"), key="k"
        )
        await made.bus.publish("plan", {"type": "changed"})
        late = (SWEEP if bus_is_silent else timedelta(0)) + ON_TIME
        await made.until(at("08:59:22") + late)
        assert gone.id not in made.relay.rooms
        expected = {gone.id: withdrawn(gone, RULES, at("08:59:22"))}
        await went_well(made, late=late, expected=expected)

    play(tmp_path, at("08:58"), scene, [gone])


@pytest.mark.parametrize("bus_is_silent", [False, True])
def test_a_lesson_moved_while_open(tmp_path: Path, bus_is_silent: bool) -> None:
    """To two minutes later in the same room: there it is another lesson, which opens by itself."""
    before, after = BELL[0], planned(0, "09:02", "09:04", ident="moved")

    async def scene(made: School) -> None:
        await made.start()
        await made.until(at("08:59:22"))
        made.bus.silent = bus_is_silent
        # The room is free for the one only once the other is gone, so the link comes last.
        moved = Change(ChangeKind.MOVED, made.now(), "u", "换时间")
        await withdraw(made.store, before.id, moved, key="k-1")
        await book(made.store, after, key="k-2", gap_s=0)
        linked = replace(moved, to=after.id)
        await withdraw(made.store, before.id, linked, key="k-3")
        await made.bus.publish("plan", {"type": "changed"})
        made.relay.host_flows(after.id)
        expected = {
            before.id: withdrawn(before, RULES, at("08:59:22")),
            after.id: given(after, RULES),
        }
        late = (SWEEP if bus_is_silent else timedelta(0)) + ON_TIME
        await went_well(made, late=late, expected=expected)

    play(tmp_path, at("08:58"), scene, [before])


# ---------------------------------------------------------------- what is lost or slow


@pytest.mark.parametrize("due", ["08:59", "09:05:30"])
def test_lost_alarms_cost_one_sweep(tmp_path: Path, due: str) -> None:
    async def scene(made: School) -> None:
        one = await made.start()

        async def lose() -> None:
            await made.until(at(due) - timedelta(milliseconds=1))
            one.lose_alarms()

        task = made.loop.create_task(lose())
        await hosts_send(made, at("08:59:30"))
        await task
        await went_well(made, late=SWEEP)

    play(tmp_path, at("08:58:01"), scene)


def test_lost_bus_messages_delay_no_opening_and_no_ending(tmp_path: Path) -> None:
    async def scene(made: School) -> None:
        made.bus.silent = True
        await made.start()
        await hosts_send(made, at("08:59:30"))
        await went_well(made)

    play(tmp_path, at("08:58"), scene)


def test_a_slow_database_delays_a_bell_by_one_answer(tmp_path: Path) -> None:
    async def scene(made: School) -> None:
        one = await made.start()
        await made.until(at("08:58:30"))
        one.store.late_s = 1.5
        await hosts_send(made, at("08:59:30"))
        await went_well(made, late=timedelta(seconds=1.5) + ON_TIME, until="09:06:30")

    play(tmp_path, at("08:58"), scene)


def test_a_database_that_is_away_at_the_bell_costs_one_sweep_when_it_is_back(
    tmp_path: Path,
) -> None:
    async def scene(made: School) -> None:
        one = await made.start()
        await made.until(at("08:58:55"))
        one.store.gone = True
        await made.until(at("08:59:05"))
        one.store.gone = False
        await hosts_send(made, at("08:59:30"))
        await went_well(made, late=SWEEP + timedelta(seconds=5) + ON_TIME)

    play(tmp_path, at("08:58"), scene)


@pytest.mark.parametrize("hangs", [False, True])
def test_a_relay_that_is_away_delays_no_step_and_has_its_rooms_when_it_is_back(
    tmp_path: Path, hangs: bool
) -> None:
    async def scene(made: School) -> None:
        await made.start()
        await made.until(at("08:58:55"))
        made.relay.down = not hangs
        made.relay.hangs_s = 5.0 if hangs else 0.0
        await made.until(at("08:59:20"))
        assert [made.stored.states(o.id) for o in BELL] == [[OPEN]] * 4
        made.relay.down, made.relay.hangs_s = False, 0.0
        await made.until(at("08:59:20") + SWEEP + timedelta(seconds=6))
        assert sorted(made.relay.rooms) == [o.id for o in BELL]
        await hosts_send(made, at("08:59:40"))
        await made.until(at("09:05:20"))
        made.relay.down = not hangs
        made.relay.hangs_s = 5.0 if hangs else 0.0
        await made.until(at("09:05:40"))
        made.relay.down, made.relay.hangs_s = False, 0.0
        await went_well(made)

    play(tmp_path, at("08:58"), scene)


def test_one_lesson_that_cannot_be_stored_delays_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(made: School) -> None:
        one = await made.start()
        honest = one.store._store.save_runs

        async def save_runs(runs: Any, **how: Any) -> Any:
            if any(run.occurrence == BELL[2].id for run in runs):
                raise OSError("this one is cursed")
            return await honest(runs, **how)

        monkeypatch.setattr(one.store._store, "save_runs", save_runs)
        await made.until(at("08:59") + ON_TIME)
        opened = [o.id for o in BELL if made.stored.states(o.id) == [LessonState.OPEN]]
        assert opened == [o.id for o in BELL if o is not BELL[2]]
        monkeypatch.undo()
        await hosts_send(made, at("08:59:30"))
        expected = {o.id: given(o, RULES) for o in GIVEN} | {BELL[3].id: missed(BELL[3], RULES)}
        await went_well(made, late=SWEEP + ON_TIME, expected=expected)
        assert CANCELLED not in {state for o in BELL for state in made.stored.states(o.id)}

    play(tmp_path, at("08:58"), scene)


@pytest.mark.parametrize("cancelled", ["08:58:10", "08:59:10"])
def test_a_lesson_cancelled_and_restored_before_its_start_is_held(
    tmp_path: Path, cancelled: str
) -> None:
    """The office thinks better of it: before the room was open, and while it was."""
    one = BELL[0]

    async def scene(made: School) -> None:
        await made.start()
        await made.until(at(cancelled))
        gone = Change(ChangeKind.CANCELLED, made.now(), "u", "停电")
        withdrawn_ = await withdraw(made.store, one.id, gone)
        await made.bus.publish("plan", {"type": "changed"})
        await made.until(at(cancelled) + SWEEP)
        assert made.stored.states(one.id)[-1] is CANCELLED
        again = changing(withdrawn_, one, key="again", now=made.now(), reason="来电了")
        await made.store.change_plan(again, gap_s=0)
        await made.bus.publish("plan", {"type": "changed"})
        await made.until(at("08:59:20"))
        assert made.stored.states(one.id)[-1] is OPEN
        assert list(made.relay.rooms) == [one.id]
        made.relay.host_flows(one.id)
        await made.until(at("09:06"))
        assert made.stored.states(one.id)[-2:] == [LIVE, ENDED]

    play(tmp_path, at("08:58"), scene, [one])
