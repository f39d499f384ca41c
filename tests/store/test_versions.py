"""Versions and what they changed: read in parts, never changed, found by rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sync_classroom.domain.ids import SeriesId
from sync_classroom.domain.plan_change import Version, VersionEntry, VersionOutline
from sync_classroom.store.database import Database
from tests.support.drafts import TERM, roster, rule
from tests.support.plan_changes import first_version

pytestmark = pytest.mark.asyncio
ENG, MATHS = SeriesId("eng"), SeriesId("maths")


def entry(kind: str, number: int, **values: object) -> VersionEntry:
    made = VersionEntry(kind, {"kind": kind, "no": number}, by="li", reason=f"r{number}")
    return replace(made, **values)  # type: ignore[arg-type]  # a test's own fields


DIFF = (
    entry("series_new", 0, series=ENG),
    entry("series_changed", 1, series=MATHS),
    *(entry("new", n, beside=ENG, told=False) for n in range(2, 5)),
    entry("changed", 5, told=False),
    *(entry("moved", n) for n in range(6, 10)),
)


@pytest_asyncio.fixture(autouse=True)
async def known(store: Database) -> None:
    await store.apply_roster(roster())


async def publish(store: Database, key: str, diff: Sequence[VersionEntry]) -> Version:
    change = await first_version(store, TERM.id, rule(f"rule-{key}"), key=key)
    assert change.edition is not None
    revision = (await store.draft_head(TERM.id))[0]
    edition = replace(change.edition, diff=diff, revision=revision)
    version = await store.change_plan(replace(change, edition=edition), gap_s=0)
    assert version is not None
    return version


async def test_what_a_version_changed_is_counted_and_read_in_parts(store: Database) -> None:
    await publish(store, "a", DIFF)
    outline = await store.version_outline(1)
    assert outline == VersionOutline({"series_new": 1, "series_changed": 1, "moved": 4}, {ENG: 3})
    assert await store.version_size(1) == 10
    assert await store.version_entries(1, limit=100) == DIFF
    assert await store.version_entries(1, offset=4, limit=3) == DIFF[4:7]
    assert await store.version_entries(1, kind="moved", offset=1, limit=2) == DIFF[7:9]
    # What is not told of by itself is no line of its kind.
    assert await store.version_entries(1, kind="new", limit=9) == ()


async def test_a_version_that_is_not_there_has_nothing(store: Database) -> None:
    assert await store.version(1) is None
    assert await store.version_outline(1) == VersionOutline({}, {})
    assert (await store.version_size(1), await store.version_entries(1, limit=9)) == (0, ())
    assert await store.rule_changes([ENG], 9) == ()
    assert await store.rule_changes([], 9) == ()


async def test_whoever_published_stands_for_an_author_nobody_knows(store: Database) -> None:
    version = await publish(store, "a", [replace(DIFF[0], by="")])
    (found,) = await store.version_entries(1, limit=9)
    assert (found.by, found.reason) == (version.by, "r0")


async def test_the_changes_of_a_rule_are_found_over_versions_newest_first(
    store: Database,
) -> None:
    first = await publish(store, "a", DIFF)
    second = await publish(store, "b", [entry("series_changed", 0, series=ENG), DIFF[1]])
    found = await store.rule_changes(iter([ENG, SeriesId("none")]), 9)
    assert [(c.version, c.change.kind, c.lessons) for c in found] == [
        (second, "series_changed", 0), (first, "series_new", 3),
    ]  # fmt: skip
    both = await store.rule_changes([ENG, MATHS], 3)
    assert [(c.version.no, c.change.series) for c in both] == [(2, MATHS), (2, ENG), (1, MATHS)]


@pytest.mark.parametrize("statement", [
    "UPDATE version_entries SET reason = 'x'", "DELETE FROM version_entries",
])  # fmt: skip
async def test_what_a_version_changed_is_never_changed(store: Database, statement: str) -> None:
    await publish(store, "a", DIFF)
    with pytest.raises(DBAPIError, match="publish another one"):
        async with store._database.write() as connection:
            await connection.execute(text(statement))
    assert await store.version_size(1) == len(DIFF)
