"""Lessons are recorded from live to end, whatever happens to the relay meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sync_classroom.coordinator import recordings
from sync_classroom.coordinator.relay_client import RelayRefusedError
from sync_classroom.domain.floor import Floor
from sync_classroom.domain.ids import ActId, OccurrenceId, SeatId
from sync_classroom.domain.meeting import Stage, share_screen, take_place
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.recordings import RecordingState, Told
from sync_classroom.domain.timetable import Mode
from tests.support.coordination import Bench, RunningClock, account, bench, peer, seats_of
from tests.support.plans import at, lesson
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

ONE, MEETING = OccurrenceId("o-1"), OccurrenceId("s-1")
LESSON = lesson("o-1", "09:00", "09:40", seats=["far-1-r1", "far-1-r2"])


async def go_live(table: Bench) -> None:
    await table.add(LESSON)
    table.clock.now = at("08:55")
    await table.sweep(first=True)
    table.relay.host_flows("o-1")
    table.clock.now = at("09:00")
    await table.sweep()


async def state(table: Bench) -> str | None:
    found = await table.booth.recordings.of(ONE)
    return None if found is None else found.state.value


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask at every look."""
    monkeypatch.setattr(recordings, "AGAIN_S", 0.0)
    monkeypatch.setattr(recordings, "DELETED_S", 0.0)


async def test_a_lesson_is_recorded_from_live_to_its_end(tmp_path: Path) -> None:
    async with bench(tmp_path, record=True) as table:
        await table.add(LESSON)
        table.clock.now = at("08:55")
        await table.sweep(first=True)
        assert table.relay.recorded == []  # open is not live
        table.relay.host_flows("o-1")
        table.clock.now = at("09:00")
        await table.sweep()
        assert table.relay.recorded[0] == ("o-1", ("camera", "screen"))
        assert await state(table) == "recording"
        table.clock.now = at("10:30")
        table.relay.host_flows("o-1", False)
        await table.sweep()
        assert table.relay.answers["o-1"]["state"] == "finishing"
        await table.sweep()
        assert await state(table) == "finishing"
        table.relay.answers["o-1"] |= {"state": "saved"}
        await table.sweep()
        assert await state(table) == "saved"
        asked = len(table.relay.recorded)
        await table.sweep()
        assert len(table.relay.recorded) == asked
        table.relay.answers["o-1"] |= {"state": "deleted", "deleted_at": at("12:00").isoformat()}
        await table.sweep()
        found = await table.booth.recordings.of(ONE)
        assert found is not None
        assert (found.state, found.deleted_at) == (RecordingState.DELETED, at("12:00"))


async def test_who_is_called_on_is_recorded_as_long_as_that_lasts(tmp_path: Path) -> None:
    async with bench(tmp_path, record=True) as table:
        await go_live(table)
        seat = SeatId(seats_of(LESSON)[0])
        floor = await table.store.get_floor(ONE) or Floor(ONE)
        floor = await table.store.save_floor(replace(floor, called_on=seat))
        assert floor is not None
        await table.sweep()
        assert table.relay.recorded[-1] == ("o-1", ("camera", "screen", f"seat:{seat}"))
        await table.store.save_floor(replace(floor, called_on=None))
        await table.sweep()
        assert table.relay.recorded[-1] == ("o-1", ("camera", "screen"))


async def test_who_is_called_on_is_recorded_at_once_not_at_the_relays_next_report(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, clock=RunningClock(at("08:59")), record=True) as table:
        await table.add(LESSON)
        await table.sweep(first=True)
        table.relay.host_flows("o-1")
        await table.sweep()
        assert await table.state_of("o-1") == "live"
        table.booth.media._busy_s = 1000.0
        async with table.running():
            await until(lambda: table.booth.runner.sweeps > 2)
            reports, seat = table.booth.media.generation, SeatId(seats_of(LESSON)[0])
            for called_on, sources in ((seat, (f"seat:{seat}",)), (None, ())):
                await table.booth.floor.call_on(LESSON, called_on, act=ActId(f"call-{called_on}"))
                wanted = "o-1", ("camera", "screen", *sources)
                await until(lambda wanted=wanted: table.relay.recorded[-1] == wanted)
            assert table.booth.media.generation == reports


async def test_nothing_is_asked_again_before_its_time_unless_the_relay_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "AGAIN_S", 1000.0)
    async with bench(tmp_path, record=True) as table:
        await go_live(table)
        await table.sweep()
        assert len(table.relay.recorded) == 1
        table.relay.reboot()
        table.relay.host_flows("o-1")
        await table.sweep()
        assert table.relay.recorded == [("o-1", ("camera", "screen"))] * 2


async def test_a_relay_that_is_away_is_asked_again(tmp_path: Path) -> None:
    async with bench(tmp_path, record=True) as table:
        await go_live(table)
        await table.lease.renew()
        table.relay.down = True
        run = await table.run_of("o-1")
        assert run is not None
        await table.booth.recordings.follow([run], "boot-1")
        await table.booth.recordings.settle()
        assert await state(table) == "recording"
        table.relay.down = False
        before = len(table.relay.recorded)
        await table.sweep()
        assert len(table.relay.recorded) == before + 1


async def test_a_wish_goes_before_the_setting_either_way(tmp_path: Path) -> None:
    async with bench(tmp_path, record=True) as table:
        await table.add(LESSON)
        await table.booth.recordings.want(ONE, False, actor="admin")
        table.clock.now = at("08:55")
        await table.sweep(first=True)
        table.relay.host_flows("o-1")
        table.clock.now = at("09:00")
        await table.sweep()
        assert table.relay.recorded == []
        await table.booth.recordings.want(ONE, True, actor="admin")
        await table.sweep()
        assert await state(table) == "recording"
        await table.booth.recordings.want(ONE, False, actor="admin")
        await table.sweep()
        assert table.relay.answers["o-1"]["state"] == "finishing"


async def test_without_a_folder_nothing_is_recorded_whatever_is_wished(tmp_path: Path) -> None:
    async with bench(tmp_path) as table:
        await go_live(table)
        await table.booth.recordings.want(ONE, True, actor="admin")
        await table.sweep()
        assert table.relay.recorded == []
        assert not await table.booth.recordings.wanted(ONE)


async def test_a_full_disk_is_known_and_recording_begins_when_there_is_room(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, record=True) as table:
        table.relay.refusal = RelayRefusedError(507, "recording_disk_full", "the disk is full")
        await go_live(table)
        found = await table.booth.recordings.of(ONE)
        assert found is not None
        assert (found.state, found.disk_full) == (RecordingState.REFUSED, True)
        table.relay.refusal = None
        await table.sweep()
        found = await table.booth.recordings.of(ONE)
        assert found is not None
        assert (found.state, found.disk_full) == (RecordingState.RECORDING, False)
        table.relay.answers["o-1"] |= {"disk_full": True}
        await table.sweep()
        found = await table.booth.recordings.of(ONE)
        assert found is not None
        assert (found.state, found.disk_full) == (RecordingState.RECORDING, True)


async def test_a_recording_that_never_began_is_settled_at_the_end(tmp_path: Path) -> None:
    async with bench(tmp_path, record=True) as table:
        table.relay.refusal = RelayRefusedError(507, "recording_disk_full", "the disk is full")
        await go_live(table)
        table.clock.now = at("10:30")
        table.relay.host_flows("o-1", False)
        await table.sweep()
        await table.sweep()
        found = await table.booth.recordings.of(ONE)
        assert found is not None
        assert (found.state, found.disk_full, found.files) == (RecordingState.SAVED, True, ())
        assert await table.store.unsettled_recordings() == []


async def test_a_recording_whose_folder_was_emptied_is_called_deleted(tmp_path: Path) -> None:
    async with bench(tmp_path, record=True) as table:
        await go_live(table)
        table.relay.answers.clear()
        table.clock.now = at("10:30")
        table.relay.host_flows("o-1", False)
        await table.sweep()
        assert await state(table) == "deleted"


async def test_an_account_that_makes_no_sense_changes_nothing_but_the_reason(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, record=True) as table:
        await go_live(table)
        table.relay.answers["o-1"] = account("o-1", "o-1", sources="x")
        await table.sweep()
        found = await table.booth.recordings.of(ONE)
        assert found is not None
        assert (found.state, found.failure) == (RecordingState.RECORDING, "recording_unreadable")


async def test_a_research_session_is_not_recorded(tmp_path: Path) -> None:
    async with bench(tmp_path, record=True) as table:
        await table.add(lesson("s-1", mode=Mode.RESEARCH, participants=["host-2-t1"]))
        await table.store.save_stage(Stage(OccurrenceId("s-1")))
        table.clock.now = at("09:00")
        await table.sweep(first=True)
        table.relay.peers = [peer("s-1", "t:host-2-t1", "publish", "seat:t:host-2-t1")]
        await table.sweep()
        await table.sweep()
        assert await table.state_of("s-1") == "live"
        assert table.relay.recorded == []
        assert await table.booth.recordings.told(MEETING) is Told.OFF


async def test_a_meeting_is_recorded_from_its_leaders_word_to_the_next(tmp_path: Path) -> None:
    async with bench(tmp_path) as table:  # whatever the setting for lessons is
        table.booth.recordings.possible = True
        keeper = table.booth.recordings
        await table.add(lesson("s-1", mode=Mode.RESEARCH, participants=["host-2-t1"]))
        stage = take_place(Stage(MEETING), "t:host-2-t1", at("09:00"))
        saved = await table.store.save_stage(stage)
        assert saved is not None
        table.clock.now = at("09:00")
        await table.sweep(first=True)
        table.relay.peers = [peer("s-1", "t:host-2-t1", "publish", "seat:t:host-2-t1")]
        await table.sweep()
        await keeper.want(MEETING, True, actor="wang")
        assert await keeper.told(MEETING) is Told.STARTING
        await table.sweep()
        assert await keeper.told(MEETING) is Told.ON
        await table.store.save_stage(share_screen(saved, "t:host-2-t1", leads=False))
        await table.sweep()
        assert table.relay.recorded[0] == ("s-1", ("seat:t:host-2-t1",))
        assert table.relay.recorded[-1] == (
            "s-1", ("seat:t:host-2-t1", "screen:t:host-2-t1"),
        )  # fmt: skip
        # At once, not at the next look.
        await keeper.want(MEETING, False, actor="wang")
        assert table.relay.answers["s-1"]["state"] == "finishing"
        assert await keeper.told(MEETING) is Told.OFF
        asked = len(table.relay.recorded)
        await table.sweep()
        assert len(table.relay.recorded) == asked
        # And the same recording goes on when the leader says so again.
        table.relay.answers["s-1"] |= {"state": "saved"}
        await keeper.want(MEETING, True, actor="wang")
        await table.sweep()
        assert await keeper.told(MEETING) is Told.ON


async def test_a_relay_that_is_away_when_recording_is_stopped_is_told_later(tmp_path: Path) -> None:
    async with bench(tmp_path, record=True) as table:
        await go_live(table)
        table.relay.down = True
        await table.booth.recordings.want(ONE, False, actor="wang")
        assert table.relay.answers["o-1"]["state"] == "recording"
        table.relay.down = False
        await table.sweep()
        assert table.relay.answers["o-1"]["state"] == "finishing"


async def test_beginnings_of_one_recording_have_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "MAX_ACTS", 2)
    async with bench(tmp_path, record=True) as table:
        await go_live(table)
        for wanted in (True, False):
            await table.booth.recordings.want(ONE, wanted, actor="wang")
        with pytest.raises(ProblemError) as refused:
            await table.booth.recordings.want(ONE, True, actor="wang")
        assert (refused.value.code, refused.value.value) == ("recording_acts_full", 2)
