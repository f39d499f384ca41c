"""Runs and floors are written only over the version that was read."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import pytest_asyncio

from sync_classroom.domain.documents import ShownPage
from sync_classroom.domain.floor import Floor, RaisedHand
from sync_classroom.domain.ids import ActId, DocumentId, OccurrenceId, SeatId
from sync_classroom.domain.lesson import EndReason, LessonRun, LessonState
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.question import Question
from sync_classroom.store.database import Database, open_store
from sync_classroom.store.queries import IDS_PER_STATEMENT
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
ONE, TWO, THREE = (OccurrenceId(f"o-{n}") for n in (1, 2, 3))


@pytest_asyncio.fixture(autouse=True)
async def planned(store: Database) -> None:
    await store.apply_roster(programme())
    for hour, occurrence in enumerate((ONE, TWO, THREE), start=9):
        wanted = lesson(occurrence, f"{hour:02}:00", f"{hour:02}:40", seats=["remote-1-r1"])
        await book(store, wanted, key=occurrence, gap_s=0)


async def test_nothing_has_happened_to_a_new_occurrence(store: Database) -> None:
    assert await store.get_run(ONE) is None
    assert await store.get_floor(ONE) is None
    assert await store.unfinished_runs() == []


async def test_a_run_comes_back_as_it_went_in_with_the_next_version(store: Database) -> None:
    run = LessonRun(
        ONE,
        LessonState.ENDED,
        opened_at=at("08:50"),
        live_at=at("09:00:01.000001"),
        ended_at=at("09:41:00.999999"),
        end_reason=EndReason.NEXT_BOOKING,
        extended_s=600,
        host_lost_at=at("09:40"),
    )
    saved = await store.save_run(run)
    assert saved == replace(run, version=1)
    assert await store.get_run(ONE) == saved
    bare = LessonRun(TWO, version=0)
    assert await store.save_run(bare) == replace(bare, version=1)
    assert await store.get_run(TWO) == replace(bare, version=1)


async def test_a_run_is_saved_over_the_version_that_was_read_only(store: Database) -> None:
    first = await store.save_run(LessonRun(ONE, LessonState.OPEN, opened_at=at("08:50")))
    assert first is not None
    live = await store.save_run(replace(first, state=LessonState.LIVE, live_at=at("09:00")))
    assert live is not None
    assert live.version == 2
    assert await store.save_run(replace(first, state=LessonState.CANCELLED)) is None
    assert await store.save_run(LessonRun(ONE, LessonState.CANCELLED)) is None
    assert await store.save_run(replace(live, version=3)) is None
    assert await store.get_run(ONE) == live
    assert await store.save_run(replace(live, version=2, extended_s=300)) is not None


async def test_a_version_of_what_was_never_stored_is_refused(store: Database) -> None:
    assert await store.save_run(LessonRun(ONE, version=1)) is None
    assert await store.save_floor(Floor(ONE, version=1)) is None
    assert await store.get_run(ONE) is None


@pytest.mark.parametrize("version", [0, 1])
async def test_of_ten_simultaneous_writers_one_is_first(store: Database, version: int) -> None:
    run = LessonRun(ONE)
    if version == 1:
        stored = await store.save_run(run)
        assert stored is not None
        run = stored
    outcomes = await asyncio.gather(
        *(store.save_run(replace(run, extended_s=n)) for n in range(1, 11))
    )
    [winner] = [saved for saved in outcomes if saved is not None]
    assert winner.version == version + 1
    assert await store.get_run(ONE) == winner


async def test_the_run_and_floor_of_an_unknown_occurrence_are_key_errors(store: Database) -> None:
    with pytest.raises(KeyError, match="o-9"):
        await store.save_run(LessonRun(OccurrenceId("o-9")))
    with pytest.raises(KeyError, match="o-9"):
        await store.save_floor(Floor(OccurrenceId("o-9")))


async def test_unfinished_runs_are_those_open_or_live(store: Database) -> None:
    two = await store.save_run(LessonRun(TWO, LessonState.LIVE, live_at=at("10:00")))
    one = await store.save_run(LessonRun(ONE, LessonState.OPEN, opened_at=at("08:50")))
    await store.save_run(LessonRun(THREE, LessonState.MISSED))
    assert await store.unfinished_runs() == [one, two]


async def test_runs_of_reads_those_that_exist_however_many_are_asked_for(store: Database) -> None:
    one = await store.save_run(LessonRun(ONE))
    three = await store.save_run(LessonRun(THREE))
    asked = [OccurrenceId(f"x-{n}") for n in range(2 * IDS_PER_STATEMENT)]
    assert await store.runs_of([ONE, *asked, TWO, THREE]) == {ONE: one, THREE: three}
    assert await store.runs_of([]) == {}


async def test_a_floor_comes_back_as_it_went_in_with_the_next_version(store: Database) -> None:
    floor = Floor(
        ONE,
        hands=(
            RaisedHand(SeatId("o-1-s2"), at("09:10:00.000001")),
            RaisedHand(SeatId("o-1-s0"), at("09:11")),
        ),
        called_on=SeatId("o-1-s1"),
        called_at=at("09:12"),
        muted=True,
        quiet=True,
        turns={SeatId("o-1-s1"): 2},
        page=ShownPage(DocumentId("d-1"), 3),
        questions=(
            Question(1, "", ("", "乙"), at("09:10"), at("09:11:00.000001"), True),
            Question(2, "题", ("", ""), at("09:12"), answers={SeatId("o-1-s0"): (1, 0)}),
        ),
        present={SeatId("o-1-s1"): 41, SeatId("o-1-s0"): 0},
    )
    saved = await store.save_floor(floor)
    assert saved == replace(floor, version=1)
    assert await store.get_floor(ONE) == saved
    assert await store.save_floor(floor) is None
    assert saved is not None
    quiet = await store.save_floor(Floor(ONE, version=saved.version))
    assert quiet == Floor(ONE, version=2)
    assert await store.get_floor(ONE) == quiet


async def test_an_act_is_stored_with_its_change_and_once(store: Database) -> None:
    press = ActId("act:1")
    assert not await store.act_done(ONE, press)
    live = await store.save_run(LessonRun(ONE, LessonState.LIVE, extended_s=300), act=press)
    assert live is not None
    assert await store.act_done(ONE, press)
    assert not await store.act_done(TWO, press)
    # The same press once more, over the newest version: neither the change nor a version of it.
    assert await store.save_run(replace(live, extended_s=600), act=press) is None
    assert await store.get_run(ONE) == live
    assert await store.save_run(replace(live, extended_s=600), act=ActId("act:2")) is not None


async def test_an_act_whose_change_lost_the_race_is_not_done(store: Database) -> None:
    assert await store.save_floor(Floor(ONE)) is not None
    assert await store.save_floor(Floor(ONE, muted=True), act=ActId("act:1")) is None
    assert not await store.act_done(ONE, ActId("act:1"))
    with pytest.raises(KeyError, match="o-9"):
        await store.save_floor(Floor(OccurrenceId("o-9")), act=ActId("act:1"))


async def test_runs_and_floors_share_the_acts_of_a_lesson(store: Database) -> None:
    assert await store.save_floor(Floor(ONE), act=ActId("act:1")) is not None
    assert await store.save_run(LessonRun(ONE, LessonState.LIVE), act=ActId("act:1")) is None
    assert await store.get_run(ONE) is None


async def test_of_ten_simultaneous_repeats_of_an_act_over_two_coordinators_one_counts(
    store: Database, database_url: str
) -> None:
    other = await open_store(database_url, data_dir=None)
    first = await store.save_run(LessonRun(ONE, LessonState.LIVE))
    assert first is not None

    async def press(through: Database) -> LessonRun | None:
        """As a coordinator does: read, decide, store, and read again if another was first."""
        while not await through.act_done(ONE, ActId("act:1")):
            run = await through.get_run(ONE)
            assert run is not None
            longer = replace(run, extended_s=run.extended_s + 300)
            if (saved := await through.save_run(longer, act=ActId("act:1"))) is not None:
                return saved
        return None

    outcomes = await asyncio.gather(*(press((store, other)[n % 2]) for n in range(10)))
    assert [saved for saved in outcomes if saved is not None] == [
        replace(first, extended_s=300, version=2)
    ]
    await other.close()


@pytest.mark.parametrize(
    "over", [LessonState.ENDED, LessonState.MISSED, LessonState.CANCELLED], ids=str
)
async def test_a_lesson_that_is_over_forgets_its_acts_and_only_its_own(
    store: Database, over: LessonState
) -> None:
    one = await store.save_run(LessonRun(ONE, LessonState.LIVE), act=ActId("act:1"))
    assert one is not None
    await store.save_run(LessonRun(TWO, LessonState.LIVE), act=ActId("act:1"))
    assert await store.save_run(replace(one, state=over), act=ActId("act:2")) is not None
    assert not await store.act_done(ONE, ActId("act:1"))
    assert not await store.act_done(ONE, ActId("act:2"))
    assert await store.act_done(TWO, ActId("act:1"))


async def test_many_runs_are_saved_over_the_versions_that_were_read_only(store: Database) -> None:
    one = await store.save_run(LessonRun(ONE, LessonState.OPEN, opened_at=at("08:50")))
    assert one is not None
    live = replace(one, state=LessonState.LIVE, live_at=at("09:00"))
    fresh = LessonRun(TWO, LessonState.OPEN, opened_at=at("09:50"))
    saved = await store.save_runs([fresh, live, LessonRun(THREE, version=4)])
    assert saved == {ONE: replace(live, version=2), TWO: replace(fresh, version=1)}
    assert await store.runs_of([ONE, TWO, THREE]) == saved
    # Both versions are old by now: nothing is stored, and nothing is said to have been.
    late = replace(live, state=LessonState.CANCELLED)
    assert await store.save_runs([late, replace(fresh, state=LessonState.CANCELLED)]) == {}
    assert await store.runs_of([ONE, TWO, THREE]) == saved
    assert await store.save_runs([]) == {}


async def test_an_unknown_occurrence_among_many_stores_none(store: Database) -> None:
    with pytest.raises(KeyError, match="o-9"):
        await store.save_runs([LessonRun(ONE), LessonRun(OccurrenceId("o-9"))])
    assert await store.runs_of([ONE]) == {}


async def test_lessons_that_are_over_forget_their_acts_together(store: Database) -> None:
    one = await store.save_run(LessonRun(ONE, LessonState.LIVE), act=ActId("act:1"))
    two = await store.save_run(LessonRun(TWO, LessonState.LIVE), act=ActId("act:1"))
    assert one is not None
    assert two is not None
    await store.save_runs([replace(one, state=LessonState.ENDED), replace(two, extended_s=300)])
    assert not await store.act_done(ONE, ActId("act:1"))
    assert await store.act_done(TWO, ActId("act:1"))


@pytest.mark.parametrize("version", [0, 1])
async def test_of_many_writers_of_one_bell_each_run_is_stored_once(
    store: Database, version: int
) -> None:
    bell = [LessonRun(o) for o in (ONE, TWO, THREE)]
    if version == 1:
        bell = list((await store.save_runs(bell)).values())
    outcomes = await asyncio.gather(
        *(
            store.save_runs([replace(r, extended_s=n) for r in (bell if n % 2 else bell[::-1])])
            for n in range(1, 11)
        )
    )
    for name in (ONE, TWO, THREE):
        [winner] = [saved[name] for saved in outcomes if name in saved]
        assert winner.version == version + 1
        assert await store.get_run(name) == winner


async def test_a_step_of_a_leader_that_was_followed_is_not_stored(store: Database) -> None:
    first = await store.hold_lease("one", for_s=0.0)
    assert await store.save_runs([LessonRun(ONE)], epoch=first.epoch)
    second = await store.hold_lease("two", for_s=60.0)
    assert second.epoch == first.epoch + 1
    with pytest.raises(ProblemError) as refused:
        await store.save_runs([LessonRun(TWO)], epoch=first.epoch)
    assert (refused.value.code, refused.value.value) == ("lease_lost", str(first.epoch))
    assert await store.get_run(TWO) is None
    assert await store.save_runs([LessonRun(TWO)], epoch=second.epoch)


async def test_without_a_lease_there_is_no_epoch_to_store_in(store: Database) -> None:
    with pytest.raises(ProblemError, match="epoch None, ours is 0"):
        await store.save_runs([LessonRun(ONE)], epoch=0)


async def test_floors_of_reads_those_that_were_touched(store: Database) -> None:
    floor = await store.save_floor(Floor(TWO, called_on=SeatId("o-2-s0"), called_at=at("10:01")))
    assert await store.floors_of([ONE, TWO, THREE]) == {TWO: floor}
    assert await store.floors_of([]) == {}
