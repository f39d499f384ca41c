"""A shared draft: several editors, several coordinators, nothing lost and nothing done twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.coordinator import drafts
from sync_classroom.coordinator.draft_state import DraftState
from sync_classroom.coordinator.local_bus import LocalBus
from sync_classroom.domain.conflicts import ClashError
from sync_classroom.domain.edits import (
    AddSeries,
    CancelLesson,
    ChangeLesson,
    DropOvertaken,
    MoveLesson,
    Place,
    RemoveSeries,
    RestoreLesson,
    Substitute,
)
from sync_classroom.domain.ids import OccurrenceId, SeriesId, TeacherId, TermId
from sync_classroom.domain.plan_change import TermPlan
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.working_copy import Step
from sync_classroom.store.database import Database, open_store
from tests.support.coordination import heard
from tests.support.drafts import TERM, rule, seat
from tests.support.offices import Office, office
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

FIRST = OccurrenceId("eng-20260907")
SECOND = OccurrenceId("eng-20260914")
MATHS = rule("maths", 2, 2, n=2, seats=(seat("remote-2-r1"),))


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Database]:
    opened = await open_store(database_url, data_dir=None)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def desk(tmp_path: Path, store: Database) -> AsyncIterator[Office]:
    async with office(tmp_path, store) as opened:
        yield opened


@pytest_asyncio.fixture
async def offices(
    tmp_path: Path, store: Database, database_url: str
) -> AsyncIterator[list[Office]]:
    """Two coordinators over one database, without a word between them."""
    async with AsyncExitStack() as stack:
        other = await open_store(database_url, data_dir=None)
        stack.push_async_callback(other.close)
        made = []
        for name, opened in (("one", store), ("two", other)):
            folder = tmp_path / name
            folder.mkdir()
            made.append(await stack.enter_async_context(office(folder, opened, holder=name)))
        yield made


def moved(ident: str = FIRST, period: int = 2) -> MoveLesson:
    day = date.fromisoformat(ident[-8:])
    return MoveLesson(OccurrenceId(ident), Place(day, period), "考试")


async def code_of(awaited: object) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        await awaited  # type: ignore[misc]
    return caught.value


async def test_a_draft_nobody_edited_is_what_is_published(desk: Office) -> None:
    one = await book(desk.store, lesson("o-1", day="2026-09-21"), key="k", gap_s=0)
    await book(desk.store, lesson("o-2", day="2026-11-23"), key="k2", gap_s=0)  # after the term
    view = await desk.service.draft(TERM.id)
    assert (view.revision, dict(view.copy.occurrences), view.diff) == (0, {one.id: one}, ())


async def test_an_unknown_term_is_said_so(desk: Office) -> None:
    assert (await code_of(desk.service.draft(TermId("t-9")))).code == "unknown_term"


async def test_an_edit_is_a_step_that_another_coordinator_sees(offices: list[Office]) -> None:
    here, there = offices
    assert (await there.service.draft(TERM.id)).revision == 0
    answer = await here.edit(AddSeries(rule()))
    assert answer.revision == 1
    assert answer.step is not None
    assert answer.step.after.occurrences.keys() >= {FIRST, SECOND}
    for view in (await here.service.draft(TERM.id), await there.service.draft(TERM.id)):
        assert view.revision == 1
        assert list(view.copy.series) == ["eng"]
        assert len(view.copy.occurrences) == 8
        assert [e.kind for e in view.diff] == ["series_new", *["new"] * 8]
    # Drafted is not published.
    assert await here.store.get_occurrence(FIRST) is None


async def test_an_edit_answers_with_the_clashes_of_what_it_touched(desk: Office) -> None:
    await desk.edit(AddSeries(rule()))
    answer = await desk.edit(AddSeries(replace(MATHS, weekday=1, period=1, seats=(seat(),))))
    assert {c.resource for c in answer.blocks} == {"remote-1-r1", "remote-1-c1"}
    view = await desk.service.draft(TERM.id)
    assert len(view.blocks) == 16
    with pytest.raises(ClashError) as caught:
        await desk.publish()
    assert "1号直播教室" in caught.value.zh
    assert await desk.service.versions() == ()
    await desk.service.undo(TERM.id, seen=2, actor="li", key="u")
    assert (await desk.service.draft(TERM.id)).blocks == ()


async def test_the_same_key_edits_once_also_at_once_and_elsewhere(offices: list[Office]) -> None:
    here, there = offices
    answers = await asyncio.gather(
        *(o.edit(AddSeries(rule()), key="same", seen=0) for o in (here, there) * 3)
    )
    assert {a.revision for a in answers} == {1}
    assert {a.step.key if a.step else None for a in answers} == {"same"}
    assert len((await here.service.draft(TERM.id)).steps) == 1


async def test_two_editors_of_different_lessons_both_get_in(offices: list[Office]) -> None:
    here, there = offices
    await here.edit([AddSeries(rule()), AddSeries(MATHS)])
    await here.publish()
    seen = await here.revision()
    await asyncio.gather(
        here.edit(moved(), by="li", seen=seen),
        there.edit(CancelLesson(OccurrenceId("maths-20260908"), "停电"), by="wang", seen=seen),
    )
    for office_ in offices:
        view = await office_.service.draft(TERM.id)
        assert [e.kind for e in view.diff] == ["moved", "cancelled"]
        assert {s.by for s in view.steps} == {"li", "wang"}


async def test_the_second_editor_of_a_lesson_is_told_who_was_first_and_loses_nothing(
    offices: list[Office],
) -> None:
    here, there = offices
    await here.edit(AddSeries(rule()))
    await here.publish()
    seen = await here.revision()
    outcomes = await asyncio.gather(
        here.edit(moved(period=2), by="li", seen=seen),
        there.edit(moved(period=3), by="wang", seen=seen),
        return_exceptions=True,
    )
    [refused] = [o for o in outcomes if isinstance(o, ProblemError)]
    [taken] = [o for o in outcomes if not isinstance(o, BaseException)]
    assert taken.step is not None
    winner = taken.step.by
    assert refused.code == "draft_changed"
    assert winner in refused.zh
    assert isinstance(refused.value, list)
    assert [(v["by"], v["kind"], v["lessons"]) for v in refused.value] == [
        (winner, "edit", [FIRST])
    ]
    view = await there.service.draft(TERM.id)
    assert len(view.steps) == 1
    # Having looked, the other one may.
    loser = "wang" if winner == "li" else "li"
    await there.edit(ChangeLesson(next(iter(taken.step.after.occurrences.keys() - {FIRST})),
                                  title="Unit 7"), by=loser)  # fmt: skip


async def test_ones_own_edits_are_never_in_ones_way(desk: Office) -> None:
    await desk.edit(AddSeries(rule()), seen=0)
    answer = await desk.edit(ChangeLesson(FIRST, title="Unit 2"), seen=0)
    assert answer.revision == 2


async def test_a_revision_of_the_future_is_refused(desk: Office) -> None:
    for refused in (
        desk.edit(AddSeries(rule()), seen=7),
        desk.service.undo(TERM.id, seen=7, actor="li", key="u"),
        desk.service.discard(TERM.id, seen=7, actor="li", key="d"),
        desk.service.publish(TERM.id, seen=7, note="x", actor="li", key="p"),
    ):
        assert (await code_of(refused)).code == "seen_unknown"


async def test_an_edit_that_changes_nothing_is_no_step(desk: Office) -> None:
    await desk.edit(AddSeries(rule()))
    answer = await desk.edit(AddSeries(rule()))
    assert (answer.revision, answer.step) == (1, None)


async def test_several_commands_are_one_step_or_none(desk: Office) -> None:
    bad = replace(MATHS, host=replace(MATHS.host, teacher=TeacherId("nobody")))
    assert (await code_of(desk.edit([AddSeries(rule()), AddSeries(bad)]))).code == "unknown_id"
    assert (await desk.service.draft(TERM.id)).revision == 0
    await desk.edit([AddSeries(rule()), AddSeries(MATHS)])
    view = await desk.service.draft(TERM.id)
    assert [s.command for s in view.steps] == [drafts.SEVERAL]
    assert list(view.copy.series) == ["eng", "maths"]


# ---------------------------------------------------------------------------- undo


async def test_undo_and_redo_are_ones_own_and_once_per_key(offices: list[Office]) -> None:
    here, there = offices
    await here.edit(AddSeries(rule()), by="li")
    await there.edit(AddSeries(MATHS), by="wang")
    for _ in range(2):
        undone = await there.service.undo(TERM.id, seen=2, actor="li", key="u")
        assert undone.step is not None
        assert (undone.revision, undone.step.undone) == (3, True)
    assert list((await here.service.draft(TERM.id)).copy.series) == ["maths"]
    assert (
        await code_of(here.service.undo(TERM.id, seen=3, actor="li", key="u2"))
    ).code == "nothing_to_undo"
    redone = await here.service.redo(TERM.id, seen=3, actor="li", key="r")
    assert redone.revision == 4
    view = await there.service.draft(TERM.id)
    assert sorted(view.copy.series) == ["eng", "maths"]
    assert view.revision == 4
    assert (
        await code_of(here.service.redo(TERM.id, seen=4, actor="li", key="r2"))
    ).code == "nothing_to_redo"


async def test_undo_is_barred_by_what_others_did_to_the_same_later(desk: Office) -> None:
    await desk.edit(AddSeries(rule()), by="li")
    await desk.edit(ChangeLesson(FIRST, title="Unit 2"), by="wang")
    problem = await code_of(desk.service.undo(TERM.id, seen=2, actor="li", key="u"))
    assert (problem.code, problem.value) == ("turn_blocked", [2])
    assert "wang" in problem.zh


async def test_discarding_needs_all_to_have_been_seen(offices: list[Office]) -> None:
    here, there = offices
    await here.edit(AddSeries(rule()), by="li")
    await there.edit(AddSeries(MATHS), by="wang")
    problem = await code_of(here.service.discard(TERM.id, seen=1, actor="li", key="d"))
    assert problem.code == "draft_changed"
    assert isinstance(problem.value, list)
    assert [v["by"] for v in problem.value] == ["wang"]
    for _ in range(2):
        assert (await here.service.discard(TERM.id, seen=2, actor="li", key="d2")).revision == 3
    for one in offices:
        view = await one.service.draft(TERM.id)
        assert (view.steps, dict(view.copy.series), view.revision) == ((), {}, 3)


# ---------------------------------------------------------------------------- publishing


async def test_publishing_freezes_a_version_and_empties_the_draft(offices: list[Office]) -> None:
    here, there = offices
    await here.edit(AddSeries(rule()), by="wang")
    version = await here.publish("开学", by="li", key="p")
    assert (version.no, version.by, version.note) == (1, "li", "开学")
    assert version.counts == {"new": 8, "series_new": 1}
    entries = await here.service.version_entries(version.no, limit=100)
    assert len(entries) == await here.service.version_size(version.no) == 9
    stored = await here.lesson(FIRST)
    assert stored.slot is not None
    assert (stored.slot.series, stored.starts_at) == ("eng", at("08:10", "2026-09-07"))
    # A retry of the same request is the same version.
    assert (await here.service.publish(
        TERM.id, seen=1, note="again", actor="li", key="p")).no == 1  # fmt: skip
    assert [v.no for v in await there.service.versions()] == [1]
    assert await there.service.version(1) == version
    for one in offices:
        view = await one.service.draft(TERM.id)
        assert (view.steps, view.diff, len(view.base.occurrences)) == ((), (), 8)
        assert view.revision == 2
    [created] = await there.service.history(FIRST)
    assert (created.kind, created.by, created.version) == ("created", "wang", 1)


async def test_a_key_that_was_used_before_publishing_edits_nothing_after(desk: Office) -> None:
    await desk.edit(AddSeries(rule()), key="first")
    await desk.publish()
    answer = await desk.edit(RemoveSeries(SeriesId("eng"), "x"), key="first")
    assert (answer.revision, answer.step) == (2, None)
    assert (await desk.service.draft(TERM.id)).diff == ()


async def test_publishing_needs_all_to_have_been_seen(desk: Office) -> None:
    await desk.edit(AddSeries(rule()), by="li")
    await desk.edit(AddSeries(MATHS), by="wang")
    problem = await code_of(desk.service.publish(TERM.id, seen=1, note="x", actor="li", key="p"))
    assert problem.code == "draft_changed"
    assert await desk.service.versions() == ()


async def test_two_publishers_make_one_version(offices: list[Office]) -> None:
    here, there = offices
    await here.edit(AddSeries(rule()))
    outcomes = await asyncio.gather(
        here.service.publish(TERM.id, seen=1, note="a", actor="li", key="p1"),
        there.service.publish(TERM.id, seen=1, note="b", actor="wang", key="p2"),
        return_exceptions=True,
    )
    codes = [o.code for o in outcomes if isinstance(o, ProblemError)]
    assert codes == ["draft_changed"]
    assert len(await here.service.versions()) == 1
    assert len(await here.store.occurrences_on(TERM.first_day, TERM.last_day)) == 8


async def test_publishing_against_a_booking_at_the_same_moment_has_one_winner(
    offices: list[Office],
) -> None:
    here, there = offices
    await here.edit(AddSeries(rule()))
    rival = lesson("o-1", "08:20", "09:00", day="2026-10-12", school="host-2", room="host-2-r1",
                   teacher="host-2-t1", seats=["remote-1-r1"])  # fmt: skip
    outcomes = await asyncio.gather(
        here.publish(), book(there.store, rival, key="k", gap_s=0), return_exceptions=True
    )
    lost = [o for o in outcomes if isinstance(o, BaseException)]
    assert [type(o) for o in lost] == [ClashError]
    stored = await here.store.occurrences_on(TERM.first_day, TERM.last_day)
    assert len(stored) in (1, 8)
    assert len(await here.service.versions()) == (len(stored) == 8)


async def test_what_was_changed_at_short_notice_is_seen_before_it_is_published_over(
    offices: list[Office],
) -> None:
    here, there = offices
    await here.edit(AddSeries(rule()))
    await here.publish()
    await here.edit(moved(), by="li")
    seen = await here.revision()
    await there.service.amend(CancelLesson(FIRST, "停电"), actor="wang", key="a")
    problem = await code_of(here.service.publish(TERM.id, seen=seen, note="x", actor="li", key="p"))
    assert problem.code == "draft_changed"
    assert isinstance(problem.value, list)
    assert [(v["by"], v["kind"], v["lessons"]) for v in problem.value] == [
        ("wang", "amend", [FIRST])
    ]
    view = await here.service.draft(TERM.id)
    assert [c.occurrence for c in view.conflicts] == [FIRST]
    assert view.copy.occurrences[FIRST].withdrawn
    # Undone, nothing of it is left, and the cancellation stands.
    await here.service.undo(TERM.id, seen=view.revision, actor="li", key="u")
    view = await here.service.draft(TERM.id)
    assert (view.conflicts, view.diff) == ((), ())
    assert (await here.lesson(FIRST)).withdrawn


async def test_a_draft_that_failed_halfway_is_read_anew(
    offices: list[Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = offices
    await there.service.draft(TERM.id)
    await book(here.store, lesson("o-1", day="2026-09-21"), key="k", gap_s=0)

    def half(state: DraftState, changed: TermPlan) -> None:
        state.position = changed.position
        raise RuntimeError("halfway")

    with monkeypatch.context() as patched:
        patched.setattr(DraftState, "_rebase", half)
        with pytest.raises(RuntimeError, match="halfway"):
            await there.service.draft(TERM.id)
    view = await there.service.draft(TERM.id)
    assert list(view.copy.occurrences) == ["o-1"]


async def test_a_view_in_hand_stays_as_it_was_while_others_edit_undo_and_amend(
    offices: list[Office],
) -> None:
    here, there = offices
    await here.edit(AddSeries(rule()))
    await here.publish()
    await here.edit(moved())
    view = await here.service.draft(TERM.id)

    def read() -> tuple[object, ...]:
        lessons = dict(view.copy.occurrences)
        return lessons, {o.id: o for o in view.index}, view.index.clashes(), dict(view.copy.series)

    before = read()
    assert before[0] == before[1]
    await there.edit(AddSeries(replace(MATHS, weekday=1, period=1, seats=(seat(),))), by="wang")
    await there.service.amend(CancelLesson(SECOND, "停电"), actor="wang", key="a")
    await here.service.undo(TERM.id, seen=await here.revision(), actor="li", key="u")
    after = await here.service.draft(TERM.id)
    assert after.blocks
    assert after.copy.occurrences[SECOND].withdrawn
    assert read() == before
    # Nobody did anything since: the same view, not one like it.
    assert await here.service.draft(TERM.id) is after


async def test_an_edit_whose_editor_left_leaves_what_the_store_has(
    desk: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled while a thread works on the next state: the thread's work is nobody's."""
    started, go_on = threading.Event(), threading.Event()
    take = DraftState._take

    def slow(state: DraftState, step: Step, revision: int) -> None:
        started.set()
        go_on.wait()
        take(state, step, revision)

    before = await desk.service.draft(TERM.id)
    with monkeypatch.context() as patched:
        patched.setattr(DraftState, "_take", slow)
        editing = asyncio.ensure_future(desk.edit(AddSeries(rule()), seen=0))
        await asyncio.to_thread(started.wait)
        editing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await editing
    # Its thread goes on while the draft is read anew.
    view = await desk.service.draft(TERM.id)
    go_on.set()
    assert (before.revision, len(before.copy.occurrences)) == (0, 0)
    assert (view.revision, len(view.steps), len(view.copy.occurrences)) == (1, 1, 8)
    assert view.index.clashes() == view.blocks
    assert {o.id for o in view.index} == view.copy.occurrences.keys()


async def test_a_lesson_booked_meanwhile_clashes_in_the_draft(offices: list[Office]) -> None:
    here, there = offices
    await here.edit(AddSeries(rule()))
    rival = lesson("o-1", "08:20", "09:00", day="2026-10-12", school="host-2", room="host-2-r1",
                   teacher="host-2-t1", seats=["remote-1-r1"])  # fmt: skip
    await book(there.store, rival, key="k", gap_s=0)
    view = await here.service.draft(TERM.id)
    assert [(c.resource, c.occurrences) for c in view.blocks] == [
        ("remote-1-r1", ("eng-20261012", "o-1"))
    ]


async def test_lessons_whose_time_has_come_are_not_published(desk: Office) -> None:
    await desk.edit(AddSeries(rule()))
    desk.bench.clock.now = at("08:10", "2026-09-07")
    problem = await code_of(desk.publish())
    assert (problem.code, problem.value) == ("draft_overtaken", [FIRST])
    await desk.edit(CancelLesson(FIRST, "没赶上"))
    version = await desk.publish()
    assert version.counts == {"new": 7, "series_new": 1}


async def test_what_is_too_late_is_told_before_it_is_taken_out(desk: Office) -> None:
    await desk.edit(AddSeries(rule()))
    assert (await desk.service.too_late(await desk.service.draft(TERM.id))).empty
    desk.bench.clock.now = at("08:10", "2026-09-07")
    view = await desk.service.draft(TERM.id)
    told = await desk.service.too_late(view)
    assert told.before.occurrences == {FIRST: view.copy.occurrences[FIRST]}
    assert told.after.occurrences == {FIRST: None}
    # Only told so far; taken out, it is what was told, and the rest can be published.
    assert (await desk.revision()) == view.revision
    answer = await desk.edit(DropOvertaken())
    assert answer.step is not None
    assert (answer.step.before, answer.step.after) == (told.before, told.after)
    assert (await desk.publish()).counts == {"new": 7, "series_new": 1}


async def test_an_empty_draft_is_not_published(desk: Office) -> None:
    assert (await code_of(desk.publish())).code == "draft_empty"
    await desk.edit(AddSeries(rule()))
    await desk.service.undo(TERM.id, seen=1, actor="li", key="u")
    assert (await code_of(desk.publish())).code == "draft_empty"
    assert (await code_of(desk.service.publish(
        TERM.id, seen=2, note=" ", actor="li", key="p"))).code == "note_invalid"  # fmt: skip


async def test_what_publishing_does_to_published_lessons(desk: Office) -> None:
    await desk.edit(AddSeries(rule()))
    await desk.publish()
    await desk.edit(moved())
    await desk.edit(CancelLesson(SECOND, "运动会", excused=True))
    await desk.edit(Substitute(OccurrenceId("eng-20260921"), TeacherId("host-1-t3"), "病假"))
    version = await desk.publish("第二版")
    assert version.counts == {"cancelled": 1, "changed": 1, "moved": 1}
    origin, cancelled, third = [await desk.lesson(i) for i in (FIRST, SECOND, "eng-20260921")]
    [away] = origin.changes
    assert (away.kind, away.reason) == ("moved", "考试")
    target = await desk.lesson(str(away.to))
    assert (target.moved_from, target.starts_at) == (FIRST, at("09:00", "2026-09-07"))
    assert target.slot is not None
    assert target.slot.date == date(2026, 9, 7)
    assert [(c.kind, c.reason, c.excused) for c in cancelled.changes] == [
        ("cancelled", "运动会", True)
    ]
    assert third.host.teacher == "host-1-t3"
    history = await desk.service.history(OccurrenceId("eng-20260921"))
    assert [(h.kind, h.reason, h.version) for h in history] == [
        ("created", "", 1), ("substituted", "病假", 2)
    ]  # fmt: skip
    assert history[1].old == {"teacher": "host-1-t1"}
    # Restored, the record is annulled and kept.
    await desk.edit(RestoreLesson(SECOND))
    await desk.publish("第三版")
    assert (await desk.lesson(SECOND)).changes == ()
    kinds = [h.kind for h in await desk.service.history(SECOND)]
    assert kinds == ["created", "cancelled", "restored"]


async def test_a_restart_in_the_middle_of_a_draft_loses_nothing(
    tmp_path: Path, store: Database
) -> None:
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        async with office(folder, store) as opened:
            if name == "first":
                await opened.edit(AddSeries(rule()), by="li")
                await opened.edit(ChangeLesson(FIRST, title="Unit 2"), by="li")
                await opened.service.undo(TERM.id, seen=2, actor="li", key="u")
                before = await opened.service.draft(TERM.id)
            else:
                after = await opened.service.draft(TERM.id)
    assert (after.revision, after.steps) == (3, before.steps)
    assert dict(after.copy.occurrences) == dict(before.copy.occurrences)


async def test_more_terms_than_are_kept_are_read_again(
    desk: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "MAX_DRAFTS", 1)
    known = desk.bench.booth.roster.current()
    other = replace(TERM, id=TermId("spring"), week1_monday=date(2027, 3, 1),
                    first_day=date(2027, 3, 1), last_day=date(2027, 6, 30))  # fmt: skip
    await desk.bench.booth.roster.apply(replace(known, terms={TERM.id: TERM, other.id: other}))
    await desk.edit(AddSeries(rule()))
    assert (await desk.service.draft(other.id)).revision == 0
    assert (await desk.service.draft(TERM.id)).revision == 1
    assert list(desk.service._states) == [TERM.id]


async def test_whoever_has_the_draft_open_hears_of_every_act(
    tmp_path: Path, store: Database
) -> None:
    bus = LocalBus()
    async with (
        office(tmp_path, store, bus=bus) as opened,
        heard(bus, "draft") as drafted,
        heard(bus, "plan") as planned,
    ):
        await opened.edit(AddSeries(rule()))
        await opened.publish()
        await until(lambda: len(drafted) == 2)
        assert [m["revision"] for m in drafted] == [1, 2]
        assert planned == [{"type": "changed"}]


async def test_a_calendar_that_was_edited_holds_for_the_next_edit(desk: Office) -> None:
    await desk.service.draft(TERM.id)
    known = desk.bench.booth.roster.current()
    longer = replace(TERM, last_day=date(2026, 11, 30))
    await desk.bench.booth.roster.apply(replace(known, terms={TERM.id: longer}))
    await desk.edit(AddSeries(rule()))
    assert len((await desk.service.draft(TERM.id)).copy.occurrences) == 13
