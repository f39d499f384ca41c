"""What terminals are told: today's lessons with their tokens, and the live state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sync_classroom.domain.ids import ActId, ClassroomId, OccurrenceId
from sync_classroom.domain.lesson import ExtendPressed
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.timetable import Change, ChangeKind
from tests.support.coordination import Bench, bench, heard, peer
from tests.support.plan_changes import withdraw
from tests.support.plans import at, lesson
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

ONE = OccurrenceId("o-1")
LESSON = lesson(
    "o-1",
    host_class="host-1-c1",
    seats=[("far-1-r1", "far-1-c1"), "far-2-r1"],
    expected=42,
)
A, B = (s.id for s in LESSON.seats)
HOST, ROOM_A = ClassroomId("host-1-r1"), ClassroomId("far-1-r1")


@pytest_asyncio.fixture
async def table(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        await made.add(LESSON)
        yield made


async def plan(table: Bench, room: str) -> list[dict[str, Any]]:
    return await table.booth.desk.plan_for(ClassroomId(room))


async def ids(table: Bench, room: str) -> list[str]:
    return [told["id"] for told in await plan(table, room)]


async def test_host_is_told_its_lesson_with_all_seats_by_name(table: Bench) -> None:
    [told] = await plan(table, HOST)
    grants = told.pop("grants")
    assert told == {
        "id": "o-1",
        "title": "课",
        "subject": "英语",
        "grade": None,
        "starts_at": "2026-11-23T09:00:00+08:00",
        "ends_at": "2026-11-23T09:40:00+08:00",
        "state": "planned",
        "role": "host",
        "host": {
            "school": "主讲校一",
            "classroom": "1号教室",
            "teacher": "host-1老师1",
            "class": "1年级",
        },
        "seat": None,
        "seats": [
            {
                "id": A,
                "school": "受援校一",
                "classroom": "1号教室",
                "class": "1年级",
                "expected": 42,
            },
            {"id": B, "school": "受援校二", "classroom": "1号教室", "class": None, "expected": 42},
        ],
        "change": None,
    }
    assert [p["source"] for p in grants["publish"]] == ["camera", "screen"]


async def test_remote_is_told_its_seat_and_nothing_of_the_others(table: Bench) -> None:
    [told] = await plan(table, ROOM_A)
    assert told["role"] == "remote"
    assert told["seat"] == {"id": A, "class": "1年级", "expected": 42}
    assert "seats" not in told
    assert [p["source"] for p in told["grants"]["publish"]] == ["seat"]


async def test_classroom_without_lessons_is_told_none(table: Bench) -> None:
    assert await plan(table, "far-2-r4") == []


async def test_today_is_the_programmes_civil_day(table: Bench) -> None:
    await table.add(
        lesson("o-early", "00:10", "00:40", seats=["far-1-r1"]),
        lesson("o-next", "07:00", "07:40", day="2026-11-24", seats=["far-1-r1"]),
        lesson("o-last", "23:00", "23:30", day="2026-11-22", seats=["far-1-r1"]),
    )
    table.clock.now = at("00:05")  # still the 22nd in UTC
    assert await ids(table, ROOM_A) == ["o-early", "o-1"]
    table.clock.now = at("23:59")
    assert await ids(table, ROOM_A) == ["o-early", "o-1"]
    table.clock.now = at("00:31", "2026-11-24")
    assert await ids(table, ROOM_A) == ["o-next"]


async def test_lesson_over_midnight_is_told_on_both_days(table: Bench) -> None:
    midnight = lesson("o-late", "23:40", "23:59", seats=["far-2-r2"])
    over = type(midnight)(
        **{f: getattr(midnight, f) for f in midnight.__slots__}
        | {"ends_at": at("00:20", "2026-11-24")}
    )
    await table.add(over)
    for now in (at("09:00"), at("23:50"), at("00:10", "2026-11-24"), at("00:45", "2026-11-24")):
        table.clock.now = now
        assert await ids(table, "far-2-r2") == ["o-late"]


async def test_lesson_just_after_midnight_is_told_when_its_tokens_begin(table: Bench) -> None:
    await table.add(lesson("o-soon", "00:10", "00:40", day="2026-11-24", seats=["far-2-r2"]))
    table.clock.now = at("23:54")
    assert await ids(table, "far-2-r2") == []
    table.clock.now = at("23:56")
    assert await ids(table, "far-2-r2") == ["o-soon"]


async def test_lesson_running_over_its_end_past_midnight_is_still_told(table: Bench) -> None:
    await table.add(lesson("o-late", "23:00", "23:58", seats=["far-2-r2"]))
    table.clock.now = at("00:20", "2026-11-24")
    assert await ids(table, "far-2-r2") == ["o-late"]


async def test_withdrawn_seat_is_told_why_and_holds_no_tokens(table: Bench) -> None:
    gone = Change(ChangeKind.SEAT_CANCELLED, at("08:00"), "u", "停电", seat=A)
    await withdraw(table.store, ONE, gone)
    [told] = await plan(table, ROOM_A)
    assert (told["state"], told["change"]) == (
        "cancelled",
        {"kind": "seat_cancelled", "reason": "停电"},
    )
    assert "grants" not in told
    [other] = await plan(table, "far-2-r1")
    assert (other["state"], other["change"]) == ("planned", None)
    [host] = await plan(table, HOST)
    assert [s["id"] for s in host["seats"]] == [B]
    assert "grants" in host


async def test_cancelled_lesson_is_told_to_everybody_without_tokens(table: Bench) -> None:
    gone = Change(ChangeKind.CANCELLED, at("08:00"), "u", "教师生病")
    await withdraw(table.store, ONE, gone)
    for room in (HOST, ROOM_A):
        [told] = await plan(table, room)
        assert told["state"] == "cancelled"
        assert told["change"] == {"kind": "cancelled", "reason": "教师生病"}
        assert "grants" not in told


async def test_live_state_before_anything_happened(table: Bench) -> None:
    assert await table.booth.desk.live_state(ONE, for_host=False) == {
        "type": "lesson",
        "id": "o-1",
        "state": "planned",
        "opened_at": None,
        "live_at": None,
        "ends_at": "2026-11-23T09:40:00+08:00",
        "extended_s": 0,
        "latest_end_at": "2026-11-23T09:45:00+08:00",
        "can_extend": False,
        "host_media": False,
        "called_on": None,
        "called_room": None,
        "muted": False,
        "quiet": False,
        "question": None,
        "page": None,
        "hands": [],
        "seats": [
            {"id": s, "online": False, "receiving": False, "line": None, "present": None}
            for s in (A, B)
        ],
    }


async def test_live_state_in_mid_lesson(table: Bench) -> None:
    earlier = lesson(
        "o-0", "08:10", "08:40", room="host-1-r2", teacher="host-1-t2", seats=["far-2-r1"]
    )
    await table.add(earlier)
    await table.booth.floor.call_on(earlier, earlier.seats[0].id, act=ActId("0"))
    table.clock.now = at("08:55")
    table.terminals.connected.update({"far-1-r1", "far-2-r1"})
    table.terminals.lines["far-1-r1"] = "good"
    await table.sweep()
    table.clock.now = at("09:01")
    table.relay.host_flows("o-1")
    table.relay.peers.append(peer("o-1", A, "subscribe"))
    await table.sweep()
    await table.booth.life.advance(ONE, ExtendPressed())
    await table.booth.floor.raise_hand(LESSON, B, act=ActId("1"))
    await table.booth.floor.call_on(LESSON, A, act=ActId("2"))
    await table.booth.floor.headcount(LESSON, A, 41, by="seat", act=ActId("3"))
    told = await table.booth.desk.live_state(ONE, for_host=True)
    assert told == {
        "type": "lesson",
        "id": "o-1",
        "state": "live",
        "opened_at": "2026-11-23T08:55:00+08:00",
        "live_at": "2026-11-23T09:01:00+08:00",
        "ends_at": "2026-11-23T09:45:00+08:00",
        "extended_s": 300,
        "latest_end_at": "2026-11-23T09:50:00+08:00",
        "can_extend": True,
        "host_media": True,
        "called_on": A,
        "called_room": {"school": "受援校一", "classroom": "1号教室"},
        "muted": False,
        "quiet": False,
        "question": None,
        "page": None,
        "hands": [{"seat": B, "at": "2026-11-23T09:01:00+08:00"}],
        "wall": [A, B],
        "lines": {A: {"loss": 0.04, "path": "none"}},
        "turns": {A: 1},
        "week_turns": {B: 1},
        "messages": [],
        "documents": [],
        "seats": [
            {"id": A, "online": True, "receiving": True, "line": "good", "present": 41},
            {"id": B, "online": True, "receiving": False, "line": None, "present": None},
        ],
    }
    # The wall that is told is the wall that is laid out.
    assert table.relay.rooms["o-1"].layouts["host"].video[1:3] == tuple(
        f"seat:{s}" for s in told["wall"]
    )


async def test_live_state_of_an_unknown_lesson_is_a_problem(table: Bench) -> None:
    with pytest.raises(ProblemError) as caught:
        await table.booth.desk.live_state(OccurrenceId("o-9"), for_host=True)
    assert caught.value.code == "unknown_lesson"


async def test_who_must_be_told_of_a_lesson(table: Bench) -> None:
    assert await table.booth.desk.classrooms_of(ONE) == ("host-1-r1", ("far-1-r1", "far-2-r1"))
    gone = Change(ChangeKind.SEAT_CANCELLED, at("08:00"), "u", "停电", seat=A)
    await withdraw(table.store, ONE, gone)
    assert await table.booth.desk.classrooms_of(ONE) == ("host-1-r1", ("far-2-r1",))


async def test_self_check_room_is_the_classrooms_own(table: Bench) -> None:
    given = await table.booth.desk.check_grants(ROOM_A)
    assert given["room"] == "check:far-1-r1"
    assert given["url"] == "https://relay.example"


async def test_seat_leaves_a_lesson_in_overtime_alone_when_its_next_one_starts(
    table: Bench,
) -> None:
    await table.add(
        lesson("o-2", "09:42", "10:20", room="host-1-r2", teacher="host-1-t2", seats=["far-1-r1"])
    )
    table.clock.now = at("09:05")
    await table.sweep(first=True)
    table.relay.host_flows("o-1")
    table.relay.peers += [peer("o-1", s, "subscribe") for s in (A, B)]
    await table.sweep()
    await table.booth.floor.call_on(LESSON, A, act=ActId("1"))
    table.clock.now = at("09:41")
    await table.sweep()
    assert table.relay.kicked == []
    table.clock.now = at("09:42:01")
    async with heard(table.bus, "terminal") as messages:
        await table.sweep()
        await until(lambda: messages)
    [told] = messages
    assert told["classroom"] == ROOM_A
    assert (told["message"]["id"], told["message"]["state"]) == ("o-1", "ended")
    assert table.relay.kicked == [("o-1", A)]
    assert (await table.booth.floor.get(ONE)).called_on is None
    first, second = await plan(table, ROOM_A)
    assert (first["id"], first["state"], "grants" in first) == ("o-1", "ended", False)
    assert (second["id"], second["state"], "grants" in second) == ("o-2", "open", True)
    [other] = await plan(table, "far-2-r1")
    assert (other["state"], "grants" in other) == ("live", True)
    assert await table.booth.desk.classrooms_of(ONE) == ("host-1-r1", ("far-2-r1",))
    # It is told once; if it comes back on its token, it is sent out again.
    async with heard(table.bus, "terminal") as messages:
        await table.sweep()
        await table.bus.publish("terminal", {"type": "end"})
        await until(lambda: messages)
    assert messages == [{"type": "end"}]
    assert table.relay.kicked == [("o-1", A)] * 2


async def test_plans_of_many_rooms_are_each_rooms_own(table: Bench) -> None:
    rooms = [ClassroomId(room) for room in ("host-1-r1", "far-1-r1", "far-2-r1", "far-2-r4")]
    plans = await table.booth.desk.plans_for(rooms)
    assert plans == {room: await plan(table, room) for room in rooms}
    assert [[entry["id"] for entry in plans[room]] for room in rooms[:1]] == [["o-1"]]
    assert plans[rooms[3]] == []


async def test_states_are_told_of_lessons_in_which_one_of_the_rooms_takes_part(
    table: Bench,
) -> None:
    here = frozenset({ClassroomId("far-2-r1")})
    asked = [ONE, OccurrenceId("o-none")]
    told = await table.booth.desk.live_states(asked, rooms=here)
    assert list(told) == [ONE]
    assert (told[ONE].host, told[ONE].seats) == ("host-1-r1", ("far-1-r1", "far-2-r1"))
    for for_host in (True, False):
        alone = await table.booth.desk.live_state(ONE, for_host=for_host)
        assert told[ONE].state(for_host=for_host) == alone
    assert await table.booth.desk.live_states(asked, rooms=frozenset({ClassroomId("x")})) == {}
