"""Everybody concerned is told, in a sentence that stands by itself, and nobody else is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sync_classroom.domain.ids import (
    ClassroomId,
    OccurrenceId,
    SeatId,
    SeriesId,
    TeacherId,
)
from sync_classroom.domain.notices import MAX_ITEMS, Audience, Notice, Pair, notices_of
from sync_classroom.domain.timetable import Change, ChangeKind, Mode, Occurrence, Seat, Slot
from tests.support.plans import at, lesson
from tests.support.rosters import programme

ROSTER = programme()
ZONE = ZoneInfo("Asia/Shanghai")
NOW = at("07:00")
PLAIN = lesson("o-1", seats=["remote-1-r1", "remote-2-r1"])
GONE = Change(ChangeKind.CANCELLED, NOW, "li", "停电", excused=True)
DROPPED = Change(ChangeKind.SEAT_CANCELLED, NOW, "li", "维修", seat=SeatId("o-1-s1"))
ROOM = Audience.CLASSROOM
TEACHER = Audience.TEACHER


def told(*pairs: Pair, **options: object) -> dict[str, Notice]:
    found = notices_of(pairs, ROSTER, ZONE, NOW, **options)  # type: ignore[arg-type]
    return {n.addressee: n for n in found}


def said(notice: Notice) -> list[str]:
    return [i.zh for i in notice.items]


def kinds(notices: dict[str, Notice]) -> dict[str, list[str]]:
    return {who: [i.kind for i in n.items] for who, n in notices.items()}


def all_told(kind: str, *addressees: str) -> dict[str, list[str]]:
    return {who: [kind] for who in addressees}


def of_rule(count: int) -> Sequence[Occurrence]:
    return [
        replace(
            lesson(f"eng-{n}", day=str(date(2026, 11, 23) + timedelta(weeks=n)),
                   seats=["remote-1-r1"]),
            slot=Slot(SeriesId("eng"), date(2026, 11, 23) + timedelta(weeks=n)),
        )
        for n in range(count)
    ]  # fmt: skip


def test_a_cancelled_lesson_is_told_to_host_seats_and_teacher_in_both_languages() -> None:
    found = told((PLAIN, replace(PLAIN, changes=(GONE,))))
    assert kinds(found) == all_told(
        "cancelled", "host-1-r1", "remote-1-r1", "remote-2-r1", "host-1-t1"
    )
    assert [found[who].audience for who in ("host-1-r1", "host-1-t1")] == [ROOM, TEACHER]
    [item] = found["remote-1-r1"].items
    assert item.zh == "11月23日 周一 09:00–09:40 英语（1老师）停课：停电"
    assert item.en == "Mon 23 Nov 09:00–09:40 英语 (1老师) is cancelled: 停电"
    assert (item.until, found["remote-1-r1"].until) == (at("09:40"), at("09:40"))


def test_a_move_is_one_sentence_for_old_and_new_rooms() -> None:
    away = replace(PLAIN, changes=(Change(ChangeKind.MOVED, NOW, "li", "考试",
                                          to=OccurrenceId("o-2")),))  # fmt: skip
    new = replace(
        lesson("o-2", "14:00", "14:40", day="2026-11-24", room="host-1-r2",
               seats=["remote-1-r1"]),
        moved_from=PLAIN.id,
    )  # fmt: skip
    found = told((PLAIN, away), (None, new))
    assert kinds(found) == all_told(
        "moved", "host-1-r1", "host-1-r2", "remote-1-r1", "remote-2-r1", "host-1-t1"
    )
    assert said(found["host-1-r2"]) == [
        "11月23日 周一 09:00–09:40 英语（1老师）调到 11月24日 周二 14:00–14:40"
        " 学校 host-12号直播教室：考试"
    ]
    assert found["remote-2-r1"].until == at("14:40", "2026-11-24")


def test_a_restored_lesson_a_substitute_and_a_change_carry_the_reason_given() -> None:
    cancelled = replace(PLAIN, changes=(GONE,))
    found = told((cancelled, PLAIN), reasons={PLAIN.id: "来电了"})
    assert said(found["remote-1-r1"]) == ["11月23日 周一 09:00–09:40 英语（1老师）恢复上课：来电了"]
    host = replace(PLAIN.host, teacher=TeacherId("host-1-t2"))
    found = told((PLAIN, replace(PLAIN, host=host)), reasons={PLAIN.id: "病假"})
    assert set(found) == {"host-1-r1", "remote-1-r1", "remote-2-r1", "host-1-t1", "host-1-t2"}
    assert said(found["host-1-t2"]) == ["11月23日 周一 09:00–09:40 英语（1老师）由2老师代课：病假"]
    found = told((PLAIN, replace(PLAIN, title="Unit 7", ends_at=at("09:50"))))
    assert said(found["remote-1-r1"]) == [
        "11月23日 周一 09:00–09:40 英语（1老师）改为 11月23日 周一 09:00–09:50"
        " 学校 host-11号直播教室 英语 Unit 7"
    ]
    assert found["remote-1-r1"].until == at("09:50")


def test_a_seat_is_told_to_its_own_room_the_host_and_the_assistants() -> None:
    first, second = PLAIN.seats
    helped = replace(PLAIN, seats=(first, replace(second, assistant=TeacherId("remote-2-t1"))))
    found = told((helped, replace(helped, changes=(DROPPED,))))
    assert kinds(found) == all_told(
        "seat_cancelled", "host-1-r1", "remote-2-r1", "host-1-t1", "remote-2-t1"
    )
    assert said(found["remote-2-r1"]) == [
        "11月23日 周一 09:00–09:40 英语（1老师）学校 remote-21号直播教室 不参加：维修"
    ]
    back = told((replace(PLAIN, changes=(DROPPED,)), PLAIN))
    assert kinds(back)["remote-2-r1"] == ["seat_restored"]
    extra = Seat(SeatId("o-1-s9"), ClassroomId("remote-3-r1"))
    added = told((PLAIN, replace(PLAIN, seats=(*PLAIN.seats, extra))))
    assert kinds(added) == all_told("seat_added", "host-1-r1", "remote-3-r1", "host-1-t1")
    changed = told((PLAIN, helped))
    assert kinds(changed) == all_told(
        "seat_changed", "host-1-r1", "remote-2-r1", "host-1-t1", "remote-2-t1"
    )


def test_a_new_rule_is_one_sentence_and_a_single_lesson_another() -> None:
    found = told(*((None, o) for o in of_rule(18)))
    assert said(found["remote-1-r1"]) == [
        "11月23日 周一 09:00–09:40 英语（1老师）起，新排课共 18 节"
    ]
    assert found["remote-1-r1"].until == at("09:40", "2027-03-22")
    assert kinds(told(*((None, o) for o in of_rule(1))))["remote-1-r1"] == ["new"]
    assert kinds(told((None, PLAIN)))["remote-1-r1"] == ["new"]


def test_more_than_a_screen_can_hold_is_counted() -> None:
    many = [lesson(f"o-{n:02}", day=str(date(2026, 11, 23) + timedelta(days=n)),
                   seats=["remote-1-r1"]) for n in range(MAX_ITEMS + 3)]  # fmt: skip
    notice = told(*((o, replace(o, changes=(GONE,))) for o in reversed(many)))["remote-1-r1"]
    assert (len(notice.items), notice.more) == (MAX_ITEMS, 3)
    assert [i.lesson for i in notice.items] == [o.id for o in many[:MAX_ITEMS]]


def test_what_is_over_or_the_same_is_told_to_nobody() -> None:
    past = lesson("o-0", "06:00", "06:40", seats=["remote-1-r1"])
    assert told((past, replace(past, title="x")), (PLAIN, PLAIN), (None, past)) == {}


def test_a_teacher_who_left_the_roster_is_named_by_id() -> None:
    stranger = replace(PLAIN, host=replace(PLAIN.host, teacher=TeacherId("gone")))
    assert said(told((None, stranger))["gone"]) == ["11月23日 周一 09:00–09:40 英语（gone）新增"]


def test_a_session_is_told_to_those_invited_in_words_of_its_own() -> None:
    met = replace(lesson("s", mode=Mode.RESEARCH, participants=["remote-1-t1"]), title="单元教学")
    new = told((None, met))
    assert set(new) == {"host-1-r1", "host-1-t1", "remote-1-t1"}
    assert said(new["remote-1-t1"]) == ["11月23日 周一 09:00–09:40 教研「单元教学」（1老师）新增"]
    other = replace(met, participants=(TeacherId("remote-2-t1"),))
    assert kinds(told((met, other))) == {"remote-1-t1": ["uninvited"], "remote-2-t1": ["invited"]}
    off = told((met, replace(met, changes=(GONE,))))
    assert said(off["remote-1-t1"])[0].endswith("取消：停电")


def test_who_is_left_out_of_a_moved_session_is_not_told_to_come_elsewhere() -> None:
    met = lesson("s", mode=Mode.RESEARCH, participants=["remote-1-t1", "remote-3-t1"])
    later = replace(
        met, id=OccurrenceId("s-2"), moved_from=met.id, starts_at=at("15:00"), ends_at=at("15:40"),
        participants=(TeacherId("remote-1-t1"), TeacherId("remote-2-t1")),
    )  # fmt: skip
    left = replace(met, changes=(Change(ChangeKind.MOVED, NOW, "li", "停电", to=later.id),))
    found = kinds(told((met, left), (None, later)))
    assert found["remote-1-t1"] == ["moved"]
    assert found["remote-2-t1"] == ["invited"]
    assert found["remote-3-t1"] == ["uninvited"]
