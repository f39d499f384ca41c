"""What changed reaches the terminals concerned, whole, and not twice."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

import pytest

from sync_classroom.coordinator.lessons import NewLesson
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, TeacherId
from sync_classroom.domain.lesson import LessonRun, LessonState
from sync_classroom.domain.notices import Receipt
from sync_classroom.web.terminal_feed import ROUND_S
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.waiting import PATIENCE_S, until
from tests.support.web import Site, expect, site

pytestmark = pytest.mark.asyncio


async def live(served: Site) -> OccurrenceId:
    occurrence = lesson("o-1", "08:00", "08:40", seats=("far-1-r1", "far-1-r2"))
    await book(served.store, occurrence, key="k", gap_s=0)
    run = LessonRun(occurrence.id, LessonState.LIVE, served.clock(), served.clock())
    assert await served.store.save_run(run) is not None
    return occurrence.id


async def test_a_lesson_planned_now_reaches_its_rooms_and_no_other(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        tokens = {r: (await served.device(r))[1] for r in ("host-1-r1", "far-1-r1", "far-2-r1")}
        async with served.connect() as host, served.connect() as seat, served.connect() as other:
            for socket, token in zip((host, seat, other), tokens.values(), strict=True):
                assert (await served.hello(socket, token))["plan"] == []
            made = await served.services.lessons.create(
                NewLesson(
                    "Unit 6",
                    "英语",
                    TeacherId("host-1-t1"),
                    ClassroomId("host-1-r1"),
                    at("09:00"),
                    at("09:40"),
                    seats=((ClassroomId("far-1-r1"), None, 40),),
                ),
                actor="admin",
                key="k",
            )
            (entry,) = (await expect(host, "plan"))["lessons"]
            assert (entry["id"], entry["role"]) == (made.id, "host")
            (entry,) = (await expect(seat, "plan"))["lessons"]
            assert (entry["id"], entry["role"]) == (made.id, "remote")
            # The third room's plan did not change, so the next thing it hears is its own question.
            await other.send_json({"type": "time", "sent": 7})
            assert (await other.receive_json(timeout=PATIENCE_S))["type"] == "time"


async def test_a_raised_hand_reaches_host_and_seats(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        lesson_id = await live(served)
        rooms = ("host-1-r1", "far-1-r1", "far-1-r2")
        tokens = [(await served.device(r))[1] for r in rooms]
        async with served.connect() as host, served.connect() as one, served.connect() as two:
            for socket, token in zip((host, one, two), tokens, strict=True):
                await served.hello(socket, token)
            hand = {"type": "hand", "id": "h", "lesson": lesson_id, "raised": True}
            await one.send_json(hand)
            for socket in (host, one, two):
                async with asyncio.timeout(PATIENCE_S):
                    while not (state := await expect(socket, "lesson"))["hands"]:
                        pass
                assert [h["seat"] for h in state["hands"]] == ["o-1-s0"]
                assert ("wall" in state) == (socket is host)


async def test_who_comes_and_goes_is_seen_by_the_others(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        await live(served)
        host_token = (await served.device("host-1-r1"))[1]
        seat_token = (await served.device("far-1-r1"))[1]
        async with served.connect() as host:
            await served.hello(host, host_token)

            async def shown(online: list[str]) -> None:
                async with asyncio.timeout(PATIENCE_S):
                    while True:
                        seats = (await expect(host, "lesson"))["seats"]
                        if [s["id"] for s in seats if s["online"]] == online:
                            return

            await shown([])
            async with served.connect() as seat:
                await served.hello(seat, seat_token)
                await shown(["o-1-s0"])
            await shown([])


async def test_a_weak_line_is_seen_by_the_host(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        lesson_id = await live(served)
        host_token = (await served.device("host-1-r1"))[1]
        seat_token = (await served.device("far-1-r1"))[1]
        async with served.connect() as host, served.connect() as seat:
            await served.hello(host, host_token)
            await served.hello(seat, seat_token)
            report = {"type": "line", "lesson": lesson_id, "state": "weak", "kbps": 90}
            await seat.send_json(report | {"loss": 0.2, "frames": 3, "path": "tcp"})
            async with asyncio.timeout(PATIENCE_S):
                while (await expect(host, "lesson"))["seats"][0]["line"] != "weak":
                    pass


async def test_a_new_relay_boot_is_passed_on_at_once(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        _, token = await served.device("far-1-r1")
        async with served.connect() as socket:
            await served.hello(socket, token)
            await served.bus.publish("relay", {"type": "boot", "boot": "b-2"})
            assert await expect(socket, "relay") == {"type": "relay", "boot": "b-2"}


async def test_a_storm_of_changes_is_a_few_messages_and_the_last_is_true(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        lesson_id = await live(served)
        _, host_token = await served.device("host-1-r1")
        _, token = await served.device("far-1-r1")
        async with served.connect() as host, served.connect() as seat:
            await served.hello(host, host_token)
            await served.hello(seat, token)
            began = asyncio.get_running_loop().time()
            for n in range(200):
                await served.bus.publish("lesson", {"type": "changed", "occurrence": lesson_id})
                if n == 199:
                    count = {"type": "headcount", "id": "c", "lesson": lesson_id, "present": 41}
                    await seat.send_json(count)
            told = 0
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    state = await expect(host, "lesson")
                    told += 1
                    if state["seats"][0]["present"] == 41:
                        break
            # One at once, then one in ROUND_S, and the round that was under way.
            assert told <= 3 + (asyncio.get_running_loop().time() - began) / ROUND_S
            assert told < 200


async def test_a_bus_that_lost_messages_costs_nothing_but_a_look(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        _, token = await served.device("host-1-r1")
        async with served.connect() as socket:
            await served.hello(socket, token)
            # Planned behind everybody's back, as if the bus had lost the word of it.
            await live(served)
            await served.bus.publish("plan", {"type": "resync"})
            (entry,) = (await expect(socket, "plan"))["lessons"]
            assert entry["id"] == "o-1"


async def test_rubbish_on_the_bus_does_not_end_the_feed(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        lesson_id = await live(served)
        _, token = await served.device("host-1-r1")
        async with served.connect() as socket:
            await served.hello(socket, token)
            for channel in ("lesson", "plan", "relay", "presence"):
                await served.bus.publish(channel, {})
                await served.bus.publish(channel, {"type": "changed", "occurrence": ["x"]})
            await served.bus.publish("relay", {"type": "boot", "boot": "b-9"})
            await expect(socket, "relay", boot="b-9")
            await served.bus.publish("lesson", {"type": "changed", "occurrence": lesson_id})
            await expect(socket, "lesson", id=lesson_id)


async def test_what_changes_while_a_terminal_is_welcomed_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path, people=False) as served:
        _, token = await served.device("host-1-r1")
        desk = served.services.desk
        plan_for, late = desk.plan_for, []

        async def slow(self: object, classroom: ClassroomId) -> list[dict[str, object]]:
            plan = await plan_for(classroom)
            if not late:
                # A lesson is planned between the reading of the plan and the welcome.
                late.append(await live(served))
                await served.bus.publish("plan", {"type": "changed"})
                await asyncio.sleep(0.05)  # the feed hears of it, and tells nobody yet
            return plan

        monkeypatch.setattr(type(desk), "plan_for", slow)
        async with served.connect() as socket:
            welcome = await served.hello(socket, token)
            assert welcome["plan"] == []
            (entry,) = (await expect(socket, "plan"))["lessons"]
            assert entry["id"] == late[0]


async def test_a_round_the_store_broke_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path, people=False) as served:
        _, token = await served.device("host-1-r1")
        desk = served.services.desk
        plans_for, broken = desk.plans_for, []

        async def failing(self: object, rooms: Collection[ClassroomId]) -> object:
            if len(broken) < 2:
                broken.extend(rooms)
                raise RuntimeError("the database went away")
            return await plans_for(rooms)

        async with served.connect() as socket:
            await served.hello(socket, token)
            monkeypatch.setattr(type(desk), "plans_for", failing)
            await live(served)
            await served.bus.publish("plan", {"type": "changed"})
            (entry,) = (await expect(socket, "plan"))["lessons"]
            assert entry["id"] == "o-1"
        assert len(broken) == 2


async def cancelled(served: Site, lesson_id: str = "o-1", key: str = "c") -> None:
    await served.services.lessons.cancel(
        OccurrenceId(lesson_id), excused=True, reason="停电", actor="admin", key=key
    )


async def receipt_of(served: Site, room: str, act: str = "c") -> Receipt:
    told = await served.services.timetable.notices(act=act)
    [mine] = [r for r in told if r.notice.addressee == room]
    return mine


async def planned(served: Site) -> None:
    occurrence = lesson("o-1", "09:00", "09:40", seats=("far-1-r1", "far-1-r2"))
    await book(served.store, occurrence, key="k", gap_s=0)


async def test_a_terminal_hears_at_once_what_changed_and_says_that_it_was_seen(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, people=False) as served:
        await planned(served)
        token = (await served.device("far-1-r1"))[1]
        async with served.connect() as socket:
            await served.hello(socket, token)
            await cancelled(served)
            told = await expect(socket, "notice")
            assert [i["zh"] for i in told["items"]] == [
                "11月23日 周一 09:00–09:40 英语（host-1老师1）停课：停电"
            ]
            receipt = await receipt_of(served, "far-1-r1")
            assert told["id"] == receipt.id
            for state in ("shown", "read"):
                await socket.send_json({"type": "noticed", "notice": told["id"], "state": state})

            async def has_read() -> bool:
                return (await receipt_of(served, "far-1-r1")).read_at is not None

            await until(has_read)
            receipt = await receipt_of(served, "far-1-r1")
            assert None not in (receipt.told_at, receipt.shown_at)
        # The other room was off and has been told nothing yet.
        assert (await receipt_of(served, "far-1-r2")).told_at is None


async def test_a_terminal_that_was_off_hears_when_it_is_back_until_somebody_read_it(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, people=False) as served:
        await planned(served)
        await cancelled(served)
        token = (await served.device("far-1-r1"))[1]
        for state in ("shown", "read"):
            async with served.connect() as socket:
                await served.hello(socket, token)
                told = await expect(socket, "notice")
                await socket.send_json({"type": "noticed", "notice": told["id"], "state": state})
                await socket.send_json({"type": "time", "sent": 7})
                await expect(socket, "time")  # what was said before it has been heard
        async with served.connect() as socket:
            await served.hello(socket, token)
            await socket.send_json({"type": "time", "sent": 7})
            assert (await socket.receive_json(timeout=PATIENCE_S))["type"] == "time"


async def test_a_notice_is_sent_once_over_one_connection(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        await planned(served)
        later = lesson("o-2", "10:00", "10:40", seats=("far-1-r1",))
        await book(served.store, later, key="k2", gap_s=0)
        token = (await served.device("far-1-r1"))[1]
        async with served.connect() as socket:
            await served.hello(socket, token)
            await cancelled(served)
            first = await expect(socket, "notice")
            await cancelled(served, "o-2", "c2")
            second = await expect(socket, "notice")
            assert first["id"] < second["id"]


async def test_a_notice_of_another_room_is_not_marked_and_nobody_falls_over(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, people=False) as served:
        await planned(served)
        await cancelled(served)
        other = await receipt_of(served, "far-1-r2")
        token = (await served.device("far-1-r1"))[1]
        async with served.connect() as socket:
            await served.hello(socket, token)
            for number in (other.id, 10**9):
                await socket.send_json({"type": "noticed", "notice": number, "state": "read"})
            await socket.send_json({"type": "time", "sent": 7})
            await expect(socket, "time")
        assert (await receipt_of(served, "far-1-r2")).read_at is None
