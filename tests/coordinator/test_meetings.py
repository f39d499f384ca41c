"""Meetings over a real store: coming in once, places, guests, and clear refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.coordinator.meetings import MAX_GUESTS, Attendee
from sync_classroom.coordinator.research import Session
from sync_classroom.domain.accounts import Role, User
from sync_classroom.domain.ids import ActId, ClassroomId, TeacherId, UserId
from sync_classroom.domain.meeting import GONE, PLACES
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.research import NewSession
from tests.support.coordination import Bench, TurnedClock, bench, peer
from tests.support.databases import file_store
from tests.support.plans import at
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def made(tmp_path: Path) -> AsyncIterator[Bench]:
    store = await file_store(tmp_path)
    await store.apply_roster(programme())
    try:
        async with bench(tmp_path, store=store, clock=TurnedClock(at("15:55"))) as found:
            yield found
    finally:
        await store.close()


async def plan(
    found: Bench, title: str = "单元教学", start: str = "16:00", end: str = "16:20"
) -> Session:
    new = NewSession(
        title, "英语", TeacherId("host-1-t1"), ClassroomId("host-1-r1"), at(start), at(end),
        (TeacherId("remote-1-t1"), TeacherId("remote-2-t1")),
    )  # fmt: skip
    return await found.booth.research.plan(new, "", (), actor="li", key=title)


def user(teacher: str | None, role: Role = Role.TEACHER) -> User:
    known = None if teacher is None else TeacherId(teacher)
    return User(UserId("u"), "u", "U", role, "", teacher=known)


def who(found: Bench, session: Session, teacher: str) -> Attendee:
    return found.booth.meetings.as_user(session, user(teacher))


async def refusal(work: object) -> str:
    with pytest.raises(ProblemError) as error:
        await work  # type: ignore[misc]
    return error.value.code


async def test_invited_teachers_come_in_and_listen_with_the_meetings_tokens(made: Bench) -> None:
    session = await plan(made)
    leader, guest = who(made, session, "host-1-t1"), who(made, session, "remote-1-t1")
    assert (leader.leads, guest.leads, guest.school) == (True, False, "学校 remote-1")
    answer = await made.booth.meetings.join(session, leader, "page-1", anyway=False)
    assert answer["grants"]["publish"] == []
    assert answer["grants"]["subscribe"]["audio"] == PLACES + 1
    assert answer["state"] == "open"
    assert [p["name"] for p in answer["people"]] == ["1老师"]
    assert made.relay.rooms[session.occurrence.id].layouts["*"].video == (None,) * (PLACES + 1)
    for stranger in ("remote-3-t1", None):
        with pytest.raises(ProblemError) as error:
            made.booth.meetings.as_user(session, user(stranger))
        assert error.value.code == "not_invited"


async def test_a_place_is_seen_in_the_room_at_once_and_given_up_again(made: Bench) -> None:
    session = await plan(made)
    leader, meetings = who(made, session, "host-1-t1"), made.booth.meetings
    assert await refusal(meetings.send(session, leader, "page-1")) == "meeting_left"
    await meetings.join(session, leader, "page-1", anyway=False)
    answer = await meetings.send(session, leader, "page-1")
    assert [g["source"] for g in answer["grants"]["publish"]] == ["seat", "screen"]
    assert answer["places"][0] == "t:host-1-t1"
    room = made.relay.rooms[session.occurrence.id].layouts["*"]
    assert room.audio[0] == room.video[0] == "seat:t:host-1-t1"
    shared = await meetings.share(session, leader, "page-1", on=True)
    assert shared["screen"] == "t:host-1-t1"
    assert made.relay.rooms[session.occurrence.id].layouts["*"].video[-1] == "screen:t:host-1-t1"
    await meetings.listen(session, leader, "page-1")
    room = made.relay.rooms[session.occurrence.id].layouts["*"]
    assert set(room.video) == {None}


async def test_a_teacher_in_two_sessions_at_once_is_refused_by_the_others_name(
    made: Bench,
) -> None:
    first, second = await plan(made), await plan(made, "接着教研", "16:20", "16:40")
    made.clock.turn(minutes=16)
    await made.booth.meetings.join(first, who(made, first, "remote-1-t1"), "p-1", anyway=False)
    for anyway in (False, True):
        with pytest.raises(ProblemError, match="单元教学") as error:
            await made.booth.meetings.join(
                second, who(made, second, "remote-1-t1"), "p-2", anyway=anyway
            )
        assert error.value.code == "meeting_elsewhere"
        assert "先离开" in error.value.zh
    await made.booth.meetings.leave(first, who(made, first, "remote-1-t1"), "p-1")
    await made.booth.meetings.join(second, who(made, second, "remote-1-t1"), "p-2", anyway=False)


async def test_another_page_takes_over_only_when_asked_and_the_first_is_told(made: Bench) -> None:
    session = await plan(made)
    one, meetings = who(made, session, "remote-1-t1"), made.booth.meetings
    await meetings.join(session, one, "page-1", anyway=False)
    again = meetings.join(session, one, "page-2", anyway=False)
    assert await refusal(again) == "meeting_other_page"
    await meetings.join(session, one, "page-2", anyway=True)
    assert await refusal(meetings.here(session, one, "page-1")) == "meeting_left"
    await meetings.leave(session, one, "page-1")
    await meetings.here(session, one, "page-2")


async def test_too_early_too_late_and_cancelled_say_so(made: Bench) -> None:
    session = await plan(made)
    one, meetings = who(made, session, "remote-1-t1"), made.booth.meetings
    made.clock.turn(minutes=-10)
    with pytest.raises(ProblemError, match="15:50") as error:
        await meetings.join(session, one, "page-1", anyway=False)
    assert error.value.code == "meeting_closed"
    made.clock.turn(minutes=60)
    assert await refusal(meetings.join(session, one, "page-1", anyway=False)) == "meeting_closed"


async def test_the_leader_alone_ends_it_for_all(made: Bench) -> None:
    session = await plan(made)
    leader, meetings = who(made, session, "host-1-t1"), made.booth.meetings
    await meetings.join(session, leader, "page-1", anyway=False)
    other = who(made, session, "remote-1-t1")
    assert await refusal(meetings.finish(session, other, ActId("a"))) == "leader_only"
    made.relay.peers.append(
        peer(session.occurrence.id, leader.peer, "publish", f"seat:{leader.peer}")
    )
    await made.sweep(first=True)
    await made.sweep()
    assert await made.state_of(session.occurrence.id) == "live"
    await meetings.finish(session, leader, ActId("b"))
    assert (await meetings.state(session, leader))["over"]


async def test_a_guests_link_works_once(made: Bench) -> None:
    session, meetings = await plan(made), made.booth.meetings
    token = await meetings.invite_guest(session, "教研员", actor="li")
    guest, own = await meetings.redeem(token, "顾老师")
    assert guest.session == session.id
    for _ in range(2):
        assert await refusal(meetings.redeem(token, "别人")) == "link_used"
    assert await refusal(meetings.guest_link(token)) == "link_used"
    assert await refusal(meetings.guest_link("nonsense")) == "link_unknown"
    came = await meetings.as_guest(session, own)
    assert came is not None
    assert (came.name, came.school, came.leads) == ("顾老师", "", False)
    answer = await meetings.join(session, came, "page-9", anyway=False)
    assert [p["name"] for p in answer["people"]] == ["顾老师"]
    other = await plan(made, "别的", "17:00", "17:20")
    assert await meetings.as_guest(other, own) is None
    assert await meetings.as_guest(session, token) is None


async def test_links_of_a_session_have_an_end(made: Bench) -> None:
    session = await plan(made)
    for n in range(MAX_GUESTS):
        await made.booth.meetings.invite_guest(session, f"客{n}", actor="li")
    more = made.booth.meetings.invite_guest(session, "多", actor="li")
    assert await refusal(more) == "too_many_guests"


async def test_whoever_is_silent_and_gone_loses_the_place(made: Bench) -> None:
    session = await plan(made)
    leader, meetings = who(made, session, "host-1-t1"), made.booth.meetings
    await meetings.join(session, leader, "page-1", anyway=False)
    await meetings.send(session, leader, "page-1")
    await made.sweep()
    await made.booth.meeting_watch.look()
    assert (await meetings.state(session, leader))["places"][0] == leader.peer
    made.clock.turn(seconds=GONE.total_seconds() + 1)
    await made.booth.meeting_watch.look()
    assert (await meetings.state(session, leader))["places"][0] is None
