"""A draft's revisions: of all who want the next one, one gets it, and a key is used once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from sync_classroom.domain.draft_acts import ActKind
from sync_classroom.domain.ids import OccurrenceId, TermId
from sync_classroom.domain.working_copy import Images, Step
from sync_classroom.store.database import Database
from sync_classroom.store.plan_changes import ACTS_KEPT
from tests.support.drafts import TERM, rule
from tests.support.plan_changes import book, changing, first_version
from tests.support.plans import at, lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
NOW = at("07:00")
OTHER = TermId("other")


@pytest_asyncio.fixture(autouse=True)
async def roster(store: Database) -> None:
    known = programme()
    other = replace(known.terms[TERM.id], id=OTHER)
    await store.apply_roster(replace(known, terms={**known.terms, OTHER: other}))


def step(seq: int = 1, key: str = "k", by: str = "li", ident: str = "o-1") -> Step:
    new = lesson(ident, seats=["remote-1-r1"])
    return Step(
        seq, key, by, NOW, "add_lesson",
        Images({new.id: None}, {rule().id: None}), Images({new.id: new}, {rule().id: rule()}),
        reason="开学",
    )  # fmt: skip


async def test_a_step_comes_back_as_it_went_in(store: Database) -> None:
    assert await store.draft_head(TERM.id) == (0, 0)
    assert await store.add_step(TERM.id, step(), revision=0) == 1
    assert await store.draft_steps(TERM.id) == (1, (step(),))
    [act] = await store.draft_acts(TERM.id, after=0)
    assert (act.revision, act.kind, act.seq, act.by) == (1, ActKind.EDIT, 1, "li")
    assert (act.occurrences, act.series) == ({"o-1"}, {"eng"})
    assert await store.draft_act(TERM.id, "k") == act
    assert await store.draft_act(TERM.id, "other") is None
    assert await store.draft_steps(OTHER) == (0, ())


async def test_of_twenty_steps_upon_one_revision_one_is_taken(store: Database) -> None:
    answers = await asyncio.gather(
        *(store.add_step(TERM.id, step(key=f"k{n}"), revision=0) for n in range(20))
    )
    assert sorted(a for a in answers if a is not None) == [1]
    assert len((await store.draft_steps(TERM.id))[1]) == 1


async def test_a_key_is_used_once_in_a_term_whatever_is_asked_with_it(store: Database) -> None:
    assert await store.add_step(TERM.id, step(), revision=0) == 1
    undone = replace(step(), undone=True)
    assert await store.add_step(TERM.id, step(2), revision=1) is None
    assert await store.turn_step(TERM.id, undone, revision=1, by="li", at=NOW, key="k") is None
    assert await store.empty_draft(TERM.id, Images(), revision=1, by="li", at=NOW, key="k") is None
    assert await store.draft_steps(TERM.id) == (1, (step(),))
    assert await store.add_step(OTHER, step(), revision=0) == 1


async def test_undoing_marks_and_emptying_forgets_steps_but_not_acts(store: Database) -> None:
    await store.add_step(TERM.id, step(), revision=0)
    await store.add_step(TERM.id, step(2, "k2", "wang", "o-2"), revision=1)
    undone = replace(step(), undone=True)
    turned = await store.turn_step(TERM.id, undone, revision=2, by="li", at=NOW, key="u")
    assert turned == 3
    assert [s.undone for s in (await store.draft_steps(TERM.id))[1]] == [True, False]
    assert await store.draft_steps(TERM.id, only=[2]) == (3, (step(2, "k2", "wang", "o-2"),))
    assert await store.turn_step(TERM.id, step(), revision=2, by="li", at=NOW, key="r") is None
    about = Images({OccurrenceId("o-2"): None})
    assert await store.empty_draft(TERM.id, about, revision=3, by="li", at=NOW, key="d") == 4
    assert await store.draft_steps(TERM.id) == (4, ())
    acts = await store.draft_acts(TERM.id, after=2)
    assert [(a.kind, a.seq) for a in acts] == [(ActKind.UNDO, 1), (ActKind.DISCARD, None)]
    assert acts[1].occurrences == {"o-2"}


async def test_publishing_and_amending_are_acts_of_the_draft_under_them(store: Database) -> None:
    await store.add_step(TERM.id, step(), revision=0)
    change = await first_version(store, TERM.id, rule())
    await store.change_plan(change, gap_s=0)
    booked = await book(store, lesson("o-9"), key="b", gap_s=0)
    acts = await store.draft_acts(TERM.id, after=1)
    assert [(a.revision, a.kind) for a in acts] == [(2, ActKind.PUBLISH), (3, ActKind.AMEND)]
    assert acts[1].occurrences == {booked.id}
    assert await store.draft_steps(TERM.id) == (3, ())
    # Nobody has opened the other term's draft, so there is nobody to tell.
    assert (await store.draft_head(OTHER))[0] == 0


async def test_what_nobody_can_still_ask_about_is_forgotten(store: Database) -> None:
    await store.add_step(TERM.id, step(), revision=0)
    booked = await book(store, lesson("o-9"), key="b", gap_s=0)
    late = NOW + ACTS_KEPT + timedelta(seconds=1)
    renamed = replace(booked, title="Unit 7")
    await store.change_plan(changing(booked, renamed, key="c", now=late), gap_s=0)
    assert [a.revision for a in await store.draft_acts(TERM.id, after=0)] == [3]
