"""Documents of lessons in the store: each once, none too many, and gone when they are removed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sync_classroom.domain.documents import Document, PageSize
from sync_classroom.domain.ids import DocumentId, OccurrenceId
from sync_classroom.store.database import Database
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
ONE, TWO = OccurrenceId("o-1"), OccurrenceId("o-2")


def document(number: int, of: OccurrenceId = ONE) -> Document:
    return Document(
        DocumentId(f"d-{number}"), of, "课件.pdf", f"{number:064x}", 9, at("08:00"), "li"
    )


async def filled(store: Database) -> None:
    await store.apply_roster(programme())
    await book(store, lesson("o-1", "09:00", "09:40"), key="o-1", gap_s=0)
    await book(store, lesson("o-2", "10:00", "10:40"), key="o-2", gap_s=0)


async def test_a_document_comes_back_as_it_went_in_and_as_it_became(store: Database) -> None:
    await filled(store)
    first, second = document(1), document(2)
    assert await store.add_document(first, key="a", most=9) == first
    assert await store.add_document(second, key="b", most=9) == second
    assert (
        await store.add_document(replace(document(3), id=DocumentId("d-3")), key="a", most=9)
        == first
    )
    assert await store.document_by_key(ONE, "b") == second
    assert await store.document_by_key(TWO, "b") is None
    done = replace(first, pages=(PageSize(2560, 1440), PageSize(1132, 1600)))
    failed = replace(second, refused=("document_pages", "512"))
    assert await store.finish_document(done)
    assert await store.finish_document(failed)
    assert await store.documents_of([ONE, TWO]) == {ONE: [done, failed]}
    assert await store.document_hashes() == {first.sha256, second.sha256}


async def test_what_was_removed_is_forgotten_and_cannot_be_finished(store: Database) -> None:
    await filled(store)
    await store.add_document(document(1), key="a", most=9)
    assert not await store.remove_document(TWO, DocumentId("d-1"))
    assert await store.remove_document(ONE, DocumentId("d-1"))
    assert not await store.remove_document(ONE, DocumentId("d-1"))
    assert not await store.finish_document(replace(document(1), pages=(PageSize(1, 1),)))
    assert await store.documents_of([ONE]) == {}


async def test_a_lesson_never_has_too_many_whoever_gives_at_the_same_moment(
    store: Database,
) -> None:
    await filled(store)
    answers = await asyncio.gather(
        *(store.add_document(document(n), key=f"k{n}", most=3) for n in range(8))
    )
    assert sum(a is not None for a in answers) == 3
    assert len((await store.documents_of([ONE]))[ONE]) == 3
    assert await store.add_document(document(9, TWO), key="k", most=3) is not None
