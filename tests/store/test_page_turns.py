"""Page turns in the store: from when to when, one a second at most, gone with their document."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sync_classroom.domain.documents import ShownPage
from sync_classroom.domain.floor import Floor, show_page
from sync_classroom.domain.ids import ActId, DocumentId
from sync_classroom.domain.page_track import PageTurn
from sync_classroom.store.database import Database
from tests.store.test_documents import ONE, TWO, document, filled
from tests.support.plans import at

pytestmark = pytest.mark.asyncio
FIRST, SECOND = (ShownPage(DocumentId(f"d-{n}"), 1) for n in (1, 2))


async def turning(store: Database, *turns: tuple[ShownPage | None, str]) -> Floor:
    """A lesson with two documents whose rooms see these pages since these times."""
    await filled(store)
    for number in (1, 2):
        await store.add_document(document(number), key=f"k{number}", most=9)
    floor: Floor | None = Floor(ONE)
    for shown, time in turns:
        assert floor is not None
        floor = await store.save_floor(show_page(floor, shown), turned_at=at(time))
    assert floor is not None
    return floor


async def test_pages_are_kept_from_when_to_when(store: Database) -> None:
    on = replace(FIRST, page=2)
    floor = await turning(store, (FIRST, "09:00"), (on, "09:05"), (None, "09:06"), (on, "09:10"))
    assert await store.page_turns_of(ONE) == [
        PageTurn(FIRST, at("09:00"), at("09:05")),
        PageTurn(on, at("09:05"), at("09:06")),
        PageTurn(on, at("09:10"), None),
    ]
    assert await store.page_turns_of(TWO) == []
    # A floor that is stored for another reason turns no page.
    assert await store.save_floor(replace(floor, quiet=True)) is not None
    assert len(await store.page_turns_of(ONE)) == 3


async def test_of_pages_turned_within_a_second_the_last_is_kept(store: Database) -> None:
    floor = await turning(store, (FIRST, "09:00"))
    for number in range(2, 12):
        shown = replace(FIRST, page=number)
        when = at("09:01") + timedelta(milliseconds=number * 50)
        saved = await store.save_floor(show_page(floor, shown), turned_at=when)
        assert saved is not None
        floor = saved
    first, last = await store.page_turns_of(ONE)
    assert first.to_at == at("09:01") + timedelta(milliseconds=100)
    assert (last.shown.page, last.from_at, last.to_at) == (
        11, at("09:01") + timedelta(milliseconds=550), None,
    )  # fmt: skip


async def test_what_is_not_stored_turns_no_page(store: Database) -> None:
    floor = await turning(store, (FIRST, "09:00"))
    stale = replace(show_page(floor, SECOND), version=floor.version - 1)
    assert await store.save_floor(stale, turned_at=at("09:01")) is None
    done = await store.save_floor(replace(floor, quiet=True), act=ActId("a"))
    assert done is not None
    again = show_page(done, SECOND)
    assert await store.save_floor(again, act=ActId("a"), turned_at=at("09:02")) is None
    assert await store.page_turns_of(ONE) == [PageTurn(FIRST, at("09:00"), None)]


async def test_a_document_takes_its_turns_with_it(store: Database) -> None:
    floor = await turning(store, (FIRST, "09:00"), (SECOND, "09:01"))
    assert await store.remove_document(ONE, SECOND.document)
    assert await store.page_turns_of(ONE) == [PageTurn(FIRST, at("09:00"), at("09:01"))]
    # Shown in the moment in which it is taken back.
    gone = show_page(show_page(floor, None), SECOND)
    assert await store.save_floor(gone, turned_at=at("09:03")) is not None
    assert len(await store.page_turns_of(ONE)) == 1
