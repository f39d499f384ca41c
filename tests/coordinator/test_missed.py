"""What a room is offered of the lesson it is in, by its own evidence, while the lesson runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sync_classroom.coordinator.missed import FRESH_S, Offer
from sync_classroom.domain.accounts import Role, Terminal
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, TerminalId
from sync_classroom.domain.lesson import LessonState
from sync_classroom.domain.problems import ProblemError
from tests.support.missed import AWAY, ENGLISH, NAME, answer, running
from tests.support.pages import delivered, english, office
from tests.support.plans import at
from tests.support.web import Site

pytestmark = pytest.mark.asyncio


def terminal(classroom: str) -> Terminal:
    return Terminal(TerminalId("t"), ClassroomId(classroom), "", at("07:00"))


async def offer(served: Site, classroom: str = "remote-1-r2") -> Offer:
    """As it is when nothing is kept of the last look."""
    served.seconds.now += FRESH_S
    return await served.services.missed.offer(terminal(classroom), ENGLISH)


async def test_a_room_is_offered_what_it_missed_and_the_others_nothing(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await running(served)
        found = await offer(served)
        start = int(english().starts_at.timestamp())
        [one] = found.spans
        assert (one.first - start, one.last - start) == AWAY
        # The recording began at 08:19:40 and has a minute of it.
        assert [(p.file.name, p.from_s, p.to_s) for p in one.parts] == [(NAME, 20.0, 60.0)]
        assert (found.over, found.make_up, found.until) == (False, False, at("08:30"))
        assert (await offer(served, "remote-1-r1")).spans == ()
        never = await offer(served, "remote-2-r1")
        assert (never.spans, never.until) == ((), None)


async def test_the_evidence_is_read_once_for_all_rooms_that_ask_together(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await running(served)
        assert len((await offer(served)).spans) == 1
        more = delivered(english(), {"english-s1": [AWAY]}, [])
        await served.store.append_facts(more, received_at=at("08:32"))
        service = served.services.missed
        assert len((await service.offer(terminal("remote-1-r2"), ENGLISH)).spans) == 1
        assert (await offer(served)).spans == ()


async def test_nothing_is_offered_without_a_recording(tmp_path: Path) -> None:
    async with office(tmp_path) as served:  # this installation keeps none
        await running(served, recorded=False)
        assert (await offer(served)).spans == ()
    again = tmp_path / "again"
    again.mkdir()
    async with office(again, recordings=again / "recordings") as served:
        await running(served, recorded=False)
        assert [one.parts for one in (await offer(served)).spans] == [()]  # about to begin
        await served.services.recordings.want(ENGLISH, False, actor="admin")
        assert (await offer(served)).spans == ()
        await served.services.recordings.want(ENGLISH, True, actor="admin")
        served.relay.answers["english"] = answer("finishing")  # stopped, and begun anew soon
        assert (await offer(served)).spans == ()


async def test_a_relay_that_is_away_leaves_what_was_heard_of_last(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await running(served)
        run = await served.store.get_run(ENGLISH)
        assert run is not None
        await served.services.recordings.follow([run], "boot-1")
        served.relay.down = True
        [one] = (await offer(served)).spans
        assert [p.file.name for p in one.parts] == [NAME]


@pytest.mark.parametrize(
    ("classroom", "make_up"),
    [("remote-1-r1", False), ("remote-1-r2", True), ("remote-2-r1", True)],
)
async def test_after_the_lesson_the_automatic_push_takes_over(
    tmp_path: Path, classroom: str, make_up: bool
) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await running(served)
        run = await served.store.get_run(ENGLISH)
        assert run is not None
        await served.services.recordings.follow([run], "boot-1")
        ended = replace(run, state=LessonState.ENDED, ended_at=at("08:51"))
        assert await served.store.save_run(ended)
        found = await offer(served, classroom)
        assert (found.over, found.make_up, found.spans) == (True, make_up, ())
        await served.services.make_up.turn(False, "测试", user=served.users[Role.ADMIN])
        assert (await offer(served, classroom)).make_up is False
        with pytest.raises(ProblemError, match="to watch now") as refused:
            await served.services.missed.stretch(terminal(classroom), ENGLISH, NAME, 0.0, 9.0)
        assert refused.value.code == "missed_not_there"


async def test_a_room_without_a_seat_has_no_way_in(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await running(served)
        service = served.services.missed
        for classroom, lesson in (("remote-3-r1", "english"), ("remote-1-r2", "nowhere")):
            room = terminal(classroom)
            with pytest.raises(ProblemError) as refused:
                await service.offer(room, OccurrenceId(lesson))
            assert (refused.value.code, refused.value.value) == ("lesson_not_here", lesson)
            with pytest.raises(ProblemError):
                await service.stretch(room, OccurrenceId(lesson), NAME, 0.0, 9.0)


async def test_only_files_of_the_host_that_grow_can_be_had(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        path = await running(served)
        assert path is not None
        service, room = served.services.missed, terminal("remote-1-r2")
        found, stretch = await service.stretch(room, ENGLISH, NAME, 20.0, 30.0)
        assert found == path
        assert 0 < stretch.header < stretch.first < stretch.last < path.stat().st_size
        [camera] = answer()["sources"]
        outside = {**camera, "segments": [{**camera["segments"][0], "name": "../x.mp4"}]}
        (path.parent.parent / "x.mp4").write_bytes(path.read_bytes())
        voice = {**camera, "source": "seat:english-s0"}
        for source, name in ((outside, "../x.mp4"), (voice, NAME), (camera, "manifest.json")):
            served.relay.answers["english"] = answer(sources=[source])
            with pytest.raises(ProblemError) as refused:
                await service.stretch(room, ENGLISH, name, 0.0, 9.0)
            assert refused.value.code == "missed_not_there"
        served.relay.answers["english"] = answer()
        path.unlink()
        with pytest.raises(ProblemError):
            await service.stretch(room, ENGLISH, NAME, 0.0, 9.0)
