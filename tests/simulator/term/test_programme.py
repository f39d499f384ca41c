"""Which rooms take part from when, and rules that never book anything twice."""

from __future__ import annotations

from datetime import date

from sync_classroom.domain.calendar import Calendar
from sync_classroom.domain.conflicts import clashes_in
from sync_classroom.domain.roster import SchoolRole
from sync_classroom.domain.series import Expander, WeekKind
from sync_classroom.domain.timetable import Occurrence
from sync_classroom.simulator.term.programme import editions, enrolled, remote_schools, rng
from tests.support.simulated import FIRST, TERM, ZONE, city


def test_sixteen_rooms_were_first_and_the_last_eight_join_in_two_waves() -> None:
    roster = enrolled(city(), city().terms[TERM], 48)
    since = sorted(
        c.commissioned_on
        for c in roster.classrooms.values()
        if roster.schools[c.school].role is SchoolRole.REMOTE
    )
    assert len(since) == 48
    assert since.count(date(2020, 12, 31)) == 16
    assert [d for d in since if d > FIRST] == [date(2026, 9, 28)] * 4 + [date(2026, 11, 2)] * 4


def test_fewer_rooms_are_spread_over_all_schools() -> None:
    roster = enrolled(city(), city().terms[TERM], 12)
    assert roster.target_classrooms == 12
    rooms = [
        sum(c.school == s.id for c in roster.classrooms.values()) for s in remote_schools(roster)
    ]
    assert rooms == [2, 2, 2, 2, 1, 1, 1, 1]
    classes = [
        sum(c.school == s.id for c in roster.classes.values()) for s in remote_schools(roster)
    ]
    assert classes == rooms


def lessons_of(rooms: int) -> list[Occurrence]:
    roster = enrolled(city(), city().terms[TERM], rooms)
    expander = Expander(Calendar(roster), ZONE)
    return [
        lesson
        for edition in editions(roster, roster.terms[TERM])
        for rule in edition.rules
        for lesson in expander.expand(rule).occurrences
    ]


def test_nothing_is_booked_twice() -> None:
    for rooms in (8, 16, 48):
        assert clashes_in(lessons_of(rooms)) == ()


def test_lessons_keep_holidays_and_follow_make_up_days() -> None:
    days = {lesson.date for lesson in lessons_of(48)}
    assert days.isdisjoint({date(2026, 9, 25), *(date(2026, 10, d) for d in range(1, 8))})
    assert {date(2026, 9, 20), date(2026, 10, 10)} <= days  # a Sunday and a Saturday


def test_music_and_art_share_a_place_in_odd_and_even_weeks() -> None:
    rules = editions(enrolled(city(), city().terms[TERM], 16), city().terms[TERM])[0].rules
    by_place: dict[tuple[str, int | None, int | None], set[WeekKind]] = {}
    for rule in rules:
        by_place.setdefault((rule.host.school, rule.weekday, rule.period), set()).add(
            rule.weeks.kind
        )
    assert sorted(map(sorted, by_place.values())) == [["all"]] * 4 + [["even", "odd"]] * 2


def test_every_rule_is_published_before_its_first_lesson() -> None:
    roster = enrolled(city(), city().terms[TERM], 48)
    versions = editions(roster, roster.terms[TERM])
    assert [v.published_on for v in versions] == [
        date(2026, 8, 27), date(2026, 9, 23), date(2026, 10, 28),
    ]  # fmt: skip
    assert [len(v.rules) for v in versions] == [24, 4, 4]


def test_randomness_hangs_on_its_name_alone() -> None:
    assert rng(1, "a", "b").random() == rng(1, "a", "b").random()
    assert len({rng(s, p).random() for s in (1, 2) for p in ("a", "b")}) == 4
