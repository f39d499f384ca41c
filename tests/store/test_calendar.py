"""Edits of the calendar: stored with their history at once, once, and not overwritten by files."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest

from sync_classroom.domain.calendar_edits import CalendarEdit, DayEdit, Edited, Subject
from sync_classroom.domain.ids import BellSetId, SchoolId, TermId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.roster import BellSet, DayException, Period, Term
from sync_classroom.store.database import Database
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio

AT = datetime(2026, 11, 23, 1, 2, 3, 4, UTC)
SCHOOL = SchoolId("remote-1")
DAY = date(2026, 11, 24)
OFF = DayException(SCHOOL, DAY, teaching=False, reason="台风")
NATIONAL_DAY = date(2026, 10, 1)


async def make(
    store: Database, subject: Subject, *, seen: int = 0, key: str = "k", reason: str = "台风"
) -> CalendarEdit:
    (edit,) = await store.edit_calendar(
        [subject], at=AT, by="admin", reason=reason, seen=seen, key=key
    )
    return edit


async def test_a_day_is_set_changed_and_cleared_and_every_step_is_kept(store: Database) -> None:
    await store.apply_roster(programme())
    first = await make(store, DayEdit(SCHOOL, DAY, OFF), key="1")
    assert first == CalendarEdit(
        first.number, AT, "admin", "台风", Edited.DAY, "remote-1/2026-11-24", SCHOOL, None,
        {"school": "remote-1", "date": "2026-11-24", "teaching": False, "follows_weekday": None,
         "follows_week": None, "bell_set": None, "reason": "台风"},
    )  # fmt: skip
    assert OFF in (await store.load_roster()).days
    moved = replace(OFF, teaching=True, follows_weekday=5, follows_week=12, reason="改为补课")
    second = await make(store, DayEdit(SCHOOL, DAY, moved), seen=first.number, key="2")
    third = await make(store, DayEdit(SCHOOL, DAY, None), seen=second.number, key="3")
    assert (second.old, third.old, third.new) == (first.new, second.new, None)
    assert await store.load_roster() == programme()
    history = await store.calendar_edits(kind=Edited.DAY, subject=first.subject, limit=10)
    assert list(history) == [third, second, first]


async def test_an_edit_repeated_with_its_key_is_one_edit(store: Database) -> None:
    await store.apply_roster(programme())
    first = await make(store, DayEdit(SCHOOL, DAY, OFF))
    assert await make(store, DayEdit(SCHOOL, DAY, OFF)) == first
    assert list(await store.calendar_edits(limit=10)) == [first]


async def test_an_edit_that_has_not_seen_the_last_one_is_refused_whole(store: Database) -> None:
    await store.apply_roster(programme())
    first = await make(store, DayEdit(SCHOOL, DAY, OFF), key="1")
    with pytest.raises(ProblemError) as caught:
        await make(store, DayEdit(SCHOOL, DAY, None), seen=0, key="2")
    assert (caught.value.code, caught.value.value) == ("calendar_changed", first.number)
    assert "admin" in caught.value.en
    assert "台风" in caught.value.zh
    assert OFF in (await store.load_roster()).days
    # Another day of the same school is nobody's but its own.
    await make(store, DayEdit(SCHOOL, date(2026, 11, 25), None), seen=0, key="3")


async def test_of_administrators_at_once_one_is_first_and_the_others_are_told(
    store: Database,
) -> None:
    await store.apply_roster(programme())
    answers = await asyncio.gather(
        *(make(store, DayEdit(SCHOOL, DAY, OFF), key=str(n)) for n in range(6)),
        return_exceptions=True,
    )
    made = [a for a in answers if isinstance(a, CalendarEdit)]
    refused = [a for a in answers if isinstance(a, ProblemError)]
    assert (len(made), {r.code for r in refused}) == (1, {"calendar_changed"})
    assert list(await store.calendar_edits(limit=10)) == made


async def test_loading_the_roster_again_leaves_what_a_person_edited(store: Database) -> None:
    file = programme()
    (term,) = file.terms.values()
    bells = file.bell_sets[BellSetId("remote-1-bells")]
    await store.apply_roster(file)
    # The file's day off for all is taken away, its term is longer, its bells have an end.
    await make(store, DayEdit(None, NATIONAL_DAY, None), key="1")
    await make(store, replace(term, last_day=date(2027, 2, 5)), key="2")
    await make(store, replace(bells, name="冬", valid_to=date(2027, 4, 30)), key="3")
    await make(store, DayEdit(SCHOOL, DAY, OFF), key="4")
    edited = await store.load_roster()
    change = await store.apply_roster(file)
    assert await store.load_roster() == edited
    kept = {kind: n for kind, n in change.kept.items() if n}
    assert kept == {"terms": 1, "bell_sets": 1, "days": 1}
    assert not any(change.added.values())
    assert not any(change.updated.values())
    # What nobody edited is the file's as before.
    host = replace(file.days[1], follows_week=6)
    change = await store.apply_roster(replace(file, days=(file.days[0], host)))
    assert (change.updated["days"], change.kept["days"]) == (1, 1)
    assert host in (await store.load_roster()).days


async def test_a_new_bell_set_and_a_new_term_come_back_as_they_went_in(store: Database) -> None:
    await store.apply_roster(programme())
    summer = BellSet(
        BellSetId("remote-1-summer"), SCHOOL, (Period(1, time(7, 40), time(8, 20)),), "夏令时",
        date(2027, 5, 1), None,
    )  # fmt: skip
    spring = Term(
        TermId("2027-spring"), "第二学期", date(2027, 2, 22), date(2027, 2, 22), date(2027, 6, 30)
    )
    first = await make(store, summer, key="1")
    second = await make(store, spring, key="2")
    roster = await store.load_roster()
    assert (roster.bell_sets[summer.id], roster.terms[spring.id]) == (summer, spring)
    assert (first.old, first.school, second.old, second.school) == (None, SCHOOL, None, None)
    assert first.new is not None
    assert first.new["valid_from"] == "2027-05-01"
    assert second.new == {
        "id": "2027-spring", "name": "第二学期", "week1_monday": "2027-02-22",
        "first_day": "2027-02-22", "last_day": "2027-06-30",
    }  # fmt: skip


async def test_of_two_terms_that_overlap_stored_at_once_one_is_refused(store: Database) -> None:
    await store.apply_roster(programme())
    spring = Term(TermId("a"), "第二学期", date(2027, 2, 22), date(2027, 2, 22), date(2027, 6, 30))
    answers = await asyncio.gather(
        make(store, spring, key="1"),
        make(store, replace(spring, id=TermId("b")), key="2"),
        return_exceptions=True,
    )
    refused = [a.code for a in answers if isinstance(a, ProblemError)]
    assert refused == ["terms_overlap"]
    assert len((await store.load_roster()).terms) == 2


async def test_the_history_of_a_school_has_that_of_all_schools(store: Database) -> None:
    await store.apply_roster(programme())
    other = SchoolId("remote-2")
    mine = await make(store, DayEdit(SCHOOL, DAY, OFF), key="1")
    all_of_them = await make(store, DayEdit(None, DAY, None), key="2")
    theirs = await make(store, DayEdit(other, DAY, replace(OFF, school=other)), key="3")
    assert list(await store.calendar_edits(school=SCHOOL, limit=10)) == [all_of_them, mine]
    assert list(await store.calendar_edits(limit=1)) == [theirs]
    assert list(await store.calendar_edits(before=theirs.number, limit=1)) == [all_of_them]


async def test_several_days_are_edited_all_or_none(store: Database) -> None:
    await store.apply_roster(programme())
    days = [
        DayEdit(SCHOOL, date(2026, 11, n), replace(OFF, date=date(2026, 11, n))) for n in (3, 4)
    ]

    async def all_of_them(key: str, seen: int) -> list[CalendarEdit]:
        return list(
            await store.edit_calendar(days, at=AT, by="admin", reason="流感", seen=seen, key=key)
        )

    other = await make(store, DayEdit(SCHOOL, date(2026, 11, 4), None), key="other")
    with pytest.raises(ProblemError) as caught:
        await all_of_them("k", 0)
    assert caught.value.code == "calendar_changed"
    assert await store.load_roster() == programme()
    made = await all_of_them("k", other.number)
    assert [e.subject for e in made] == ["remote-1/2026-11-03", "remote-1/2026-11-04"]
    assert await all_of_them("k", 0) == made
    assert list(await store.calendar_edits(limit=10)) == [*reversed(made), other]
