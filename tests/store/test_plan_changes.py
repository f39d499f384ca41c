"""A change of the plan is stored whole or not at all, once, and only upon what it was made for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import event, func, select

from sync_classroom.domain.conflicts import ClashError
from sync_classroom.domain.history import Happening
from sync_classroom.domain.ids import (
    ClassroomId,
    OccurrenceId,
    SeatId,
    SeriesId,
    TeacherId,
)
from sync_classroom.domain.plan_change import PlanChange, PlanMovedOnError
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.timetable import Change, ChangeKind, Mode, Occurrence, Seat, Slot
from sync_classroom.domain.working_copy import Images
from sync_classroom.store import plan_changes
from sync_classroom.store.database import Database
from sync_classroom.store.plan_changes import books_more
from sync_classroom.store.tables import changes
from tests.support.drafts import TERM, rule
from tests.support.plan_changes import book, changing, first_version
from tests.support.plans import at, lesson
from tests.support.rosters import REMOTE_ROOMS, programme

pytestmark = pytest.mark.asyncio
GONE = Change(ChangeKind.CANCELLED, at("07:00"), "u-1", "停电", excused=True)


@pytest_asyncio.fixture(autouse=True)
async def roster(store: Database) -> None:
    await store.apply_roster(programme())


def all_of(*lessons: Occurrence, before: Sequence[Occurrence] = (), key: str = "c") -> PlanChange:
    known = {o.id: o for o in before}
    return PlanChange(
        before=Images({o.id: known.get(o.id) for o in lessons}),
        after=Images({o.id: o for o in lessons}),
        at=at("07:00"),
        by="li",
        key=key,
    )


async def stored(store: Database, ident: str = "o-1") -> Occurrence:
    found = await store.get_occurrence(OccurrenceId(ident))
    assert found is not None
    return found


async def test_everything_of_a_lesson_can_be_changed_and_comes_back_so(store: Database) -> None:
    old = await book(store, lesson("o-1", mode=Mode.RESEARCH, seats=["remote-1-r1", "remote-2-r1"],
                                   participants=["remote-1-t1"]), key="k", gap_s=0)  # fmt: skip
    first, second = old.seats
    new = replace(
        old,
        title="Unit 7",
        subject="科学",
        grade=4,
        periods=2,
        ends_at=at("09:50"),
        host=replace(old.host, teacher=TeacherId("host-1-t2"), classroom=ClassroomId("host-1-r2")),
        seats=(
            first,
            replace(second, expected=40, assistant=TeacherId("remote-2-t1")),
            Seat(SeatId("o-1-s9"), ClassroomId("remote-3-r1")),
        ),
        participants=(TeacherId("remote-2-t2"), TeacherId("remote-1-t1")),
        slot=Slot(SeriesId("eng"), date(2026, 11, 23), own=True),
        moved_from=OccurrenceId("o-0"),
        changes=(Change(ChangeKind.SEAT_CANCELLED, at("07:30"), "u-2", "维修", seat=first.id),),
    )
    await store.change_plan(changing(old, new, reason="换人"), gap_s=0)
    assert await stored(store) == new
    told = [(h.kind, h.reason) for h in await store.history_of(old.id)]
    assert told == [
        (Happening.CREATED, ""),
        (Happening.SUBSTITUTED, "换人"),
        (Happening.CHANGED, "换人"),
        (Happening.SEAT_CHANGED, "换人"),
        (Happening.SEAT_ADDED, "换人"),
        (Happening.SEAT_CANCELLED, "维修"),
    ]


async def test_a_change_made_upon_old_news_is_refused(store: Database) -> None:
    old = await book(store, lesson("o-1"), key="k", gap_s=0)
    await store.change_plan(changing(old, replace(old, title="Unit 7"), key="a"), gap_s=0)
    with pytest.raises(PlanMovedOnError) as caught:
        await store.change_plan(changing(old, replace(old, title="Unit 8"), key="b"), gap_s=0)
    assert caught.value.ids == ("o-1",)
    assert (await stored(store)).title == "Unit 7"


async def test_of_two_changes_upon_the_same_news_one_is_refused(store: Database) -> None:
    old = await book(store, lesson("o-1"), key="k", gap_s=0)
    outcomes = await asyncio.gather(
        *(
            store.change_plan(changing(old, replace(old, title=f"Unit {n}"), key=f"c{n}"), gap_s=0)
            for n in range(2)
        ),
        return_exceptions=True,
    )
    assert sorted(type(o).__name__ for o in outcomes) == ["NoneType", "PlanMovedOnError"]


async def test_a_key_changes_once(store: Database) -> None:
    old = await book(store, lesson("o-1"), key="k", gap_s=0)
    await store.change_plan(changing(old, replace(old, title="Unit 7"), key="a"), gap_s=0)
    await store.change_plan(changing(old, replace(old, title="Unit 8"), key="a"), gap_s=0)
    assert (await stored(store)).title == "Unit 7"
    found = await store.occurrence_by_key("a")
    assert found is not None
    assert found.id == "o-1"


async def test_an_annulled_change_stays_in_the_table_with_who_and_why(store: Database) -> None:
    old = await book(store, lesson("o-1"), key="k", gap_s=0)
    gone = replace(old, changes=(GONE,))
    await store.change_plan(changing(old, gone, key="a"), gap_s=0)
    await store.change_plan(changing(gone, old, key="b", by="wang", reason="来电了"), gap_s=0)
    await store.change_plan(changing(old, gone, key="c"), gap_s=0)
    assert (await stored(store)).changes == (GONE,)
    async with store._database.read() as connection:
        found = await connection.execute(
            select(changes.c.key, changes.c.annulled_by, changes.c.annulled_reason).order_by(
                changes.c.seq
            )
        )
        assert found.all() == [("a", "wang", "来电了"), ("c", None, None)]


async def test_one_bad_lesson_of_many_stores_nothing(store: Database) -> None:
    good = lesson("o-1", "10:00", "10:40")
    nobody = lesson("o-2", "11:00", "11:40", teacher="nobody")
    with pytest.raises(ProblemError) as caught:
        await store.change_plan(all_of(good, nobody), gap_s=0)
    assert (caught.value.code, caught.value.value) == ("unknown_reference", "nobody")
    rival = lesson("o-3", "10:20", "11:00")
    with pytest.raises(ClashError):
        await store.change_plan(all_of(good, rival), gap_s=0)
    too_long = replace(lesson("o-4"), ends_at=at("09:01", "2026-11-24"))
    with pytest.raises(ProblemError, match="at most 24 hours"):
        await store.change_plan(all_of(good, too_long), gap_s=0)
    assert await store.occurrences_on(date(2026, 11, 1), date(2026, 11, 30)) == []
    head = await store.draft_head(TERM.id)
    assert head == (0, 0)


async def test_a_failure_after_the_lessons_leaves_no_version_and_no_step(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a kill in between would: everything is one transaction."""
    change = replace(
        await first_version(store, TERM.id, rule()), before=Images({OccurrenceId("o-1"): None}),
        after=Images({OccurrenceId("o-1"): lesson("o-1")}),
    )  # fmt: skip

    async def fail(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(plan_changes, "_write_notices", fail)
        with pytest.raises(RuntimeError, match="killed"):
            await store.change_plan(change, gap_s=0)
    assert await store.get_occurrence(OccurrenceId("o-1")) is None
    assert await store.versions(None, 10) == ()
    assert (await store.draft_head(TERM.id))[0] == 1
    version = await store.change_plan(change, gap_s=0)
    assert version is not None
    assert version.no == 1


async def test_published_lessons_and_seats_are_withdrawn_never_removed(store: Database) -> None:
    old = await book(store, lesson("o-1", seats=["remote-1-r1"]), key="k", gap_s=0)
    gone = PlanChange(Images({old.id: old}), Images({old.id: None}), at("07:00"), "li", "a")
    with pytest.raises(ValueError, match="not removed"):
        await store.change_plan(gone, gap_s=0)
    with pytest.raises(ValueError, match="not removed"):
        await store.change_plan(changing(old, replace(old, seats=()), key="b"), gap_s=0)
    assert await stored(store) == old


async def test_moving_away_and_taking_the_place_is_one_change(store: Database) -> None:
    old = await book(store, lesson("o-1"), key="k", gap_s=0)
    away = replace(old, changes=(Change(ChangeKind.MOVED, at("07:00"), "li", "考试",
                                        to=OccurrenceId("o-2")),))  # fmt: skip
    new = replace(lesson("o-2", "14:00", "14:40"), moved_from=old.id)
    instead = lesson("o-3", subject="数学")
    await store.change_plan(all_of(away, new, instead, before=[old]), gap_s=0)
    assert [o.id for o in await store.occurrences_between(at("00:00"), at("23:00"))] == [
        "o-1", "o-3", "o-2"
    ]  # fmt: skip
    to_nowhere = replace(away.changes[0], to=OccurrenceId("o-8"))
    lost = replace(old, id=OccurrenceId("o-9"), changes=(to_nowhere,))
    with pytest.raises(ProblemError) as caught:
        await store.change_plan(changing(None, lost, key="x"), gap_s=0)
    assert (caught.value.code, caught.value.field) == ("unknown_reference", "changes.to")


async def test_what_stands_in_a_clash_can_still_be_withdrawn(store: Database) -> None:
    assert books_more(None, lesson("o-1"))
    assert not books_more(lesson("o-1"), replace(lesson("o-1"), changes=(GONE,)))
    assert books_more(replace(lesson("o-1"), changes=(GONE,)), lesson("o-1"))
    assert not books_more(lesson("o-1"), replace(lesson("o-1"), title="x"))
    assert books_more(lesson("o-1"), lesson("o-1", "09:00", "09:50"))
    two = lesson("o-1", seats=["remote-1-r1", "remote-2-r1"])
    assert not books_more(two, replace(two, seats=two.seats[:1]))
    assert books_more(replace(two, seats=two.seats[:1]), two)


async def test_clashes_are_looked_for_around_every_lesson_however_far_apart(
    store: Database,
) -> None:
    weekly = [
        lesson(f"o-{n}", day=str(date(2026, 9, 7) + timedelta(weeks=n)), seats=["remote-1-r1"])
        for n in range(30)
    ]
    await book(store, replace(weekly[29], id=OccurrenceId("rival")), key="k", gap_s=0)
    for count in (30, 2):
        wanted = weekly[-count:]
        with pytest.raises(ClashError) as caught:
            await store.change_plan(all_of(*wanted, key=f"c{count}"), gap_s=0)
        assert {c.occurrences for c in caught.value.clashes} == {("o-29", "rival")}
    await store.change_plan(all_of(*weekly[:29], key="free"), gap_s=0)


async def test_a_thousand_lessons_cost_some_dozens_of_statements(store: Database) -> None:
    many = [
        lesson(
            f"o-{day}-{slot}", f"{8 + slot}:00".zfill(5), f"{8 + slot}:40".zfill(5),
            day=str(date(2026, 9, 1) + timedelta(days=day)),
            seats=REMOTE_ROOMS[:4],
        )
        for day in range(100)
        for slot in range(10)
    ]  # fmt: skip
    count = 0

    def counted(*_: object) -> None:
        nonlocal count
        count += 1

    event.listen(store._database.engine.sync_engine, "before_cursor_execute", counted)
    await store.change_plan(all_of(*many), gap_s=0)
    assert count < 60
    async with store._database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(changes)) == 0
    assert len(await store.occurrences_on(date(2026, 9, 1), date(2027, 1, 29))) == 1000


async def test_versions_count_over_all_terms_and_are_found_by_number_and_key(
    store: Database,
) -> None:
    made = []
    for n in (1, 2):
        change = await first_version(store, TERM.id, rule(f"r{n}"), key=f"v{n}")
        revision = (await store.draft_head(TERM.id))[0]
        assert change.edition is not None
        edition = replace(change.edition, revision=revision)
        made.append(await store.change_plan(replace(change, edition=edition), gap_s=0))
    assert [v.no for v in made if v is not None] == [1, 2]
    assert await store.version(2) == made[1] == await store.version_by_key("v2")
    assert await store.version(3) is None
    listed = await store.versions(None, 1)
    assert listed == (made[1],)
    # A revision that was not looked at publishes nothing; the same key is the same version.
    stale = await first_version(store, TERM.id, rule("r3"), key="v3")
    assert stale.edition is not None
    with pytest.raises(PlanMovedOnError):
        await store.change_plan(replace(stale, edition=replace(stale.edition, revision=1)), gap_s=0)
    assert await store.change_plan(replace(change, key="v2"), gap_s=0) == made[1]


async def test_series_are_stored_changed_and_removed(store: Database) -> None:
    english, later = rule(), rule(title="Unit 2")
    await store.change_plan(await first_version(store, TERM.id, english), gap_s=0)
    term = programme().terms[TERM.id]
    assert (await store.term_plan(term)).series == {"eng": english}
    await store.change_plan(
        PlanChange(Images(series={english.id: english}), Images(series={english.id: later}),
                   at("07:00"), "li", "b"), gap_s=0,
    )  # fmt: skip
    assert (await store.term_plan(term)).series == {"eng": later}
    gone = PlanChange(Images(series={english.id: english}), Images(series={english.id: None}),
                      at("07:00"), "li", "c")  # fmt: skip
    with pytest.raises(PlanMovedOnError) as caught:
        await store.change_plan(gone, gap_s=0)
    assert caught.value.ids == ("eng",)
    await store.change_plan(
        replace(gone, before=Images(series={english.id: later}), key="d"), gap_s=0
    )
    assert (await store.term_plan(term)).series == {}


async def test_what_changed_since_is_all_that_is_read_again(store: Database) -> None:
    term = programme().terms[TERM.id]
    one = await book(store, lesson("o-1"), key="k1", gap_s=0)
    whole = await store.term_plan(term)
    assert list(whole.occurrences.values()) == [one]
    assert await store.term_plan_since(term, whole.position) is None
    two = await book(store, lesson("o-2", "14:00", "14:40"), key="k2", gap_s=0)
    since = await store.term_plan_since(term, whole.position)
    assert since is not None
    assert list(since.occurrences.values()) == [two]
    assert since.position > whole.position
