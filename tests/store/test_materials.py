"""Files of sessions in the store: once each, bounded whoever adds at the same moment."""

from __future__ import annotations

import asyncio

import pytest

from sync_classroom.domain.ids import OccurrenceId, ResourceId
from sync_classroom.domain.library import Details, Version
from sync_classroom.domain.research import SessionFile
from sync_classroom.store.database import Database
from tests.store.test_minutes import filled
from tests.support.plans import at

pytestmark = pytest.mark.asyncio
ONE = OccurrenceId("s-1")


async def resource(store: Database, ident: str) -> SessionFile:
    version = Version(
        0, f"{ident}.pdf", "a.pdf", "application/pdf", 9, "ab" * 32, at("10:00"), "li"
    )
    await store.add_version(ResourceId(ident), Details(ident), version, key=ident)
    return SessionFile(ONE, ResourceId(ident), 1, ident, at("10:01"), "li")


async def test_a_file_is_there_once_and_no_more_than_allowed(store: Database) -> None:
    await filled(store)
    files = [await resource(store, f"r-{n}") for n in range(4)]
    added = await asyncio.gather(*(store.add_file(f, most=3) for f in files))
    assert sorted(added) == [False, True, True, True]
    kept = await store.files_of(ONE)
    assert len(kept) == 3
    assert await store.add_file(kept[0], most=3)
    assert await store.files_of(ONE) == kept
    await store.remove_file(ONE, kept[0].resource)
    assert await store.files_of(ONE) == kept[1:]
