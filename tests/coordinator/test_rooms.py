"""Who sees and hears whom: slots, wall, and the relay kept at it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sync_classroom.coordinator.media_watch import MediaWatch
from sync_classroom.coordinator.ports import Layout, RelayDownError, RoomSpec
from sync_classroom.coordinator.rooms import AT_ONCE, Rooms, layouts, wall, watched
from sync_classroom.domain.floor import Floor, RaisedHand, call_on, raise_hand, set_muted
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, SeatId
from sync_classroom.domain.timetable import Change, ChangeKind
from tests.support.coordination import RecordedRelay, Terminals, peer
from tests.support.plans import at, lesson

LESSON = lesson("o-1", seats=[f"far-1-r{n}" for n in range(1, 4)])
SEATS = [s.id for s in LESSON.seats]
CROWD = lesson("o-2", seats=[f"far-{n}" for n in range(20)])
CROWD_SEATS = [s.id for s in CROWD.seats]
FLOOR = Floor(OccurrenceId("o-1"))


def test_idle_floor_gives_remote_rooms_camera_and_screen_and_the_host_the_wall() -> None:
    assert layouts(LESSON, FLOOR, SEATS) == {
        "*": Layout(audio=("camera", None), video=("camera", "screen", None)),
        "host": Layout(
            audio=(None,),
            video=(None, *(f"seat:{s}" for s in SEATS), *[None] * 9),
            heights=(None, *[180] * 12),
        ),
        "viewer:wall-0": Layout(
            audio=(), video=("camera", *(f"seat:{s}" for s in SEATS)), heights=(180,) * 4
        ),
    }


def test_who_walks_past_sees_every_seat_that_takes_place_in_groups_that_fit_an_offer() -> None:
    gone = Change(ChangeKind.SEAT_CANCELLED, at("08:00"), "u", "停电", seat=CROWD_SEATS[3])
    many = lesson("o-3", seats=[f"far-{n}" for n in range(30)])
    for planned, sizes in ((replace(CROWD, changes=(gone,)), [20]), (many, [24, 7])):
        groups = watched(planned)
        assert [len(group) for group in groups] == sizes
        flat = [source for group in groups for source in group]
        assert flat == ["camera", *(f"seat:{s.id}" for s in planned.active_seats)]
        placed = layouts(planned, FLOOR, [])
        assert [placed[f"viewer:wall-{n}"].video for n in range(len(groups))] == list(groups)
    assert f"seat:{CROWD_SEATS[3]}" not in watched(replace(CROWD, changes=(gone,)))[0]


def test_called_on_seat_is_seen_and_heard_by_everybody() -> None:
    floor = call_on(FLOOR, SEATS[1], at("09:05"))
    placed = layouts(LESSON, floor, SEATS)
    called = f"seat:{SEATS[1]}"
    assert placed["*"] == Layout(audio=("camera", called), video=("camera", "screen", called))
    assert placed["host"].audio == (called,)
    assert placed["host"].video[0] == called


def test_muted_seat_is_seen_and_not_heard() -> None:
    floor = set_muted(call_on(FLOOR, SEATS[0], at("09:05")), True)
    placed = layouts(LESSON, floor, SEATS)
    called = f"seat:{SEATS[0]}"
    assert placed["*"] == Layout(audio=("camera", None), video=("camera", "screen", called))
    assert placed["host"].audio == (None,)
    assert placed["host"].video[0] == called


def test_host_has_thirteen_video_slots_whatever_is_on() -> None:
    for online in ([], SEATS[:1], SEATS):
        assert len(layouts(LESSON, FLOOR, online)["host"].video) == 13


def test_wall_shows_connected_seats_in_plan_order() -> None:
    assert wall(LESSON, FLOOR, {SEATS[2], SEATS[0]}) == (SEATS[0], SEATS[2])


def test_wall_of_a_crowd_shows_twelve_and_gives_the_last_slots_to_hands() -> None:
    floor = Floor(OccurrenceId("o-2"))
    assert wall(CROWD, floor, CROWD_SEATS) == tuple(CROWD_SEATS[:12])
    floor = raise_hand(floor, CROWD_SEATS[15], at("09:01"))
    assert wall(CROWD, floor, CROWD_SEATS) == (*CROWD_SEATS[:11], CROWD_SEATS[15])
    floor = raise_hand(floor, CROWD_SEATS[3], at("09:02"))
    floor = call_on(floor, CROWD_SEATS[19], at("09:03"))
    # The called-on seat is served first, then hands; seat 3 was on the wall and stays in place.
    assert wall(CROWD, floor, CROWD_SEATS) == (
        *CROWD_SEATS[:10],
        CROWD_SEATS[15],
        CROWD_SEATS[19],
    )


def test_wall_with_more_hands_than_slots_keeps_the_first_to_raise() -> None:
    hands = tuple(RaisedHand(s, at("09:01")) for s in reversed(CROWD_SEATS))
    shown = wall(CROWD, Floor(OccurrenceId("o-2"), hands=hands), CROWD_SEATS)
    assert sorted(shown) == sorted(CROWD_SEATS[8:])


def test_hand_of_a_seat_that_is_not_connected_takes_no_slot() -> None:
    floor = raise_hand(Floor(OccurrenceId("o-2")), CROWD_SEATS[15], at("09:01"))
    assert CROWD_SEATS[15] not in wall(CROWD, floor, CROWD_SEATS[:14])


def test_withdrawn_seat_is_on_no_wall() -> None:
    gone = Change(ChangeKind.SEAT_CANCELLED, at("08:00"), "u", "停电", seat=SEATS[0])
    without = lesson("o-1", seats=["far-1-r1", "far-1-r2", "far-1-r3"], changes=[gone])
    assert wall(without, FLOOR, SEATS) == (SEATS[1], SEATS[2])


async def _rooms(relay: RecordedRelay, terminals: Terminals) -> tuple[Rooms, MediaWatch]:
    media = MediaWatch(relay)
    await media.refresh()
    rooms = Rooms(relay, media, terminals)
    rooms.booted(relay.boot)
    return rooms, media


@pytest.mark.asyncio
async def test_place_speaks_to_the_relay_only_when_the_layout_differs() -> None:
    relay, terminals = RecordedRelay(), Terminals({"far-1-r1"})
    rooms, _ = await _rooms(relay, terminals)
    assert await rooms.place(LESSON, FLOOR)
    assert await rooms.place(LESSON, FLOOR)
    assert relay.puts == 1
    assert relay.rooms["o-1"].layouts == layouts(LESSON, FLOOR, {SEATS[0]})
    terminals.connected.add("far-1-r3")
    assert await rooms.place(LESSON, FLOOR)
    assert relay.puts == 2
    assert relay.rooms["o-1"].layouts == layouts(LESSON, FLOOR, {SEATS[0], SEATS[2]})


@pytest.mark.asyncio
async def test_relay_that_booted_anew_is_told_again() -> None:
    relay = RecordedRelay()
    rooms, _ = await _rooms(relay, Terminals())
    await rooms.place(LESSON, FLOOR)
    assert not rooms.booted(relay.boot)
    relay.reboot()
    assert rooms.booted(relay.boot)
    assert not rooms.placed(LESSON.id)
    assert await rooms.place(LESSON, FLOOR)
    assert list(relay.rooms) == ["o-1"]


@pytest.mark.asyncio
async def test_relay_that_is_down_is_not_taken_for_told() -> None:
    relay = RecordedRelay()
    rooms, _ = await _rooms(relay, Terminals())
    relay.down = True
    assert not await rooms.place(LESSON, FLOOR)
    assert not await rooms.close(LESSON.id)
    assert not await rooms.kick(LESSON.id, SEATS[0])
    relay.down = False
    assert await rooms.place(LESSON, FLOOR)
    assert list(relay.rooms) == ["o-1"]
    assert await rooms.kick(LESSON.id, SEATS[0])
    assert relay.kicked == [("o-1", SEATS[0])]


@pytest.mark.asyncio
async def test_answer_of_the_former_relay_does_not_count_for_the_new_one() -> None:
    class Dying(RecordedRelay):
        async def put_room(self, spec):  # type: ignore[no-untyped-def]
            await super().put_room(spec)
            self.reboot()
            rooms.booted(self.boot)

    relay = Dying()
    rooms, _ = await _rooms(relay, Terminals())
    await rooms.place(LESSON, FLOOR)
    assert not rooms.placed(LESSON.id)


@pytest.mark.asyncio
async def test_seat_that_publishes_counts_as_connected_after_a_coordinator_restart() -> None:
    relay = RecordedRelay()
    relay.peers.append(peer("o-1", SEATS[1], "publish", f"seat:{SEATS[1]}"))
    relay.peers.append(peer("o-1", SEATS[2], "publish", f"seat:{SEATS[2]}", connected=False))
    rooms, _ = await _rooms(relay, Terminals())
    assert rooms.online(LESSON) == frozenset({SeatId(SEATS[1])})


@pytest.mark.asyncio
async def test_a_recording_host_is_the_camera_of_what_its_classroom_gives() -> None:
    relay = RecordedRelay()
    media = MediaWatch(relay)
    source = "rtsp://user:s3cret@192.0.2.10/main"
    rooms = Rooms(relay, media, Terminals(), {LESSON.host.classroom: source})
    await rooms.place(LESSON, FLOOR)
    assert relay.rooms["o-1"].ingest == source
    assert "s3cret" not in repr(relay.rooms["o-1"])
    await rooms.place(replace(CROWD, host=replace(CROWD.host, classroom=ClassroomId("x"))), FLOOR)
    assert relay.rooms["o-2"].ingest is None


class Hanging(RecordedRelay):
    """Answers nothing, and counts what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def put_room(self, spec: RoomSpec) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        raise RelayDownError("no answer")

    async def delete_room(self, room: str) -> None:
        await self.put_room(RoomSpec(room))


@pytest.mark.asyncio
async def test_of_a_relay_that_does_not_answer_no_more_is_asked() -> None:
    relay = Hanging()
    rooms = Rooms(relay, MediaWatch(relay), Terminals())
    many = [lesson(f"o-{n}") for n in range(100)]
    await rooms.bring([(one, Floor(one.id)) for one in many], [OccurrenceId("o-old")])
    assert relay.asked == AT_ONCE
    await rooms.bring([(one, Floor(one.id)) for one in many], [])
    assert relay.asked == 2 * AT_ONCE


@pytest.mark.asyncio
async def test_rooms_that_stand_are_not_asked_for_again_and_those_of_the_past_are_closed() -> None:
    relay = RecordedRelay()
    rooms = Rooms(relay, MediaWatch(relay), Terminals())
    many = [(one, Floor(one.id)) for one in (lesson(f"o-{n}") for n in range(100))]
    await rooms.bring(many, [])
    assert (relay.puts, len(relay.rooms)) == (100, 100)
    assert all(rooms.stands(one, floor) for one, floor in many)
    await rooms.bring(many[1:], [many[0][0].id])
    assert (relay.puts, relay.deleted) == (100, ["o-0"])
    assert not rooms.stands(*many[0])
