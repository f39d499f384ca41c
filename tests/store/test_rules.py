"""Versions of the rules, and the change from one to the next."""

from __future__ import annotations

from datetime import date

import pytest

from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.rules import DEFAULT, RulesState, RulesVersion
from sync_classroom.store.database import Database
from tests.store.test_rollups import DAY, ONE, done, judged, marks, planned
from tests.support.plans import at

pytestmark = pytest.mark.asyncio
DAY_OF_RULES = date(2026, 12, 1)


async def add(store: Database, key: str = "k", **changes: float) -> RulesVersion:
    return await store.add_rules(
        changes, valid_from=DAY_OF_RULES, at=at("09:00"), by="u", reason="试行", key=key
    )


async def test_a_version_is_the_one_before_with_some_changes(store: Database) -> None:
    assert await store.rules_versions() == [RulesVersion(1, DEFAULT)]
    two = await add(store, held=0.75)
    assert await add(store, held=0.75) == two
    three = await add(store, "k2", weekly_norm=3)
    assert (three.rules.held, three.rules.weekly_norm, three.rules.version) == (0.75, 3, "3")
    assert [v.number for v in await store.rules_versions()] == [1, 2, 3]
    assert await store.rules_by_key("k2") == three
    assert await store.rules_by_key("none") is None
    with pytest.raises(ProblemError):
        await add(store, "k3", held=7)
    assert len(await store.rules_versions()) == 3


async def test_a_version_is_in_force_once_everything_was_counted_under_it(
    store: Database,
) -> None:
    await planned(store)
    await done(store)
    await add(store, held=0.75)
    assert not await store.finish_rules()
    await store.begin_rules(2)
    await store.begin_rules(2)
    assert await store.rules_state() == RulesState(1, 2)
    assert RulesState(1, 2).kept == (1, 2)
    assert await marks(store) == ["o-1", "o-2"]
    assert not await store.finish_rules()
    seen = await store.stale_lessons(10)
    await store.store_results([n for n, _ in seen], await judged(store))
    assert await store.finish_rules()
    assert await store.rules_state() == RulesState(2, None)
    assert (await store.rolled(DAY, DAY)).rules == 2


async def test_results_of_former_versions_are_deleted_and_no_others(store: Database) -> None:
    await planned(store)
    seen = [n for n, _ in await store.stale_lessons(10)]
    await store.store_results(seen, await judged(store, ONE))
    assert not await store.forget_results([1])
    assert not await store.forget_results([2])  # 1 is in force
    assert len(await store.results_of([ONE.id])) == 2
    await add(store, held=0.75)
    await store.begin_rules(2)
    seen = [n for n, _ in await store.stale_lessons(10)]
    await store.store_results(seen, await judged(store))
    await store.finish_rules()
    assert await store.forget_results([2])
    assert not await store.forget_results([2])
