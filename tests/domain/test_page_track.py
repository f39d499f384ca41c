"""Which page was on the screens at a second of a recording."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sync_classroom.domain.documents import Document, PageSize, ShownPage
from sync_classroom.domain.ids import DocumentId, OccurrenceId
from sync_classroom.domain.page_track import PageTurn, page_track, part_of

ZERO = datetime(2026, 11, 23, 1, tzinfo=UTC)
BOOK = Document(
    DocumentId("d-1"), OccurrenceId("o-1"), "单元六.pdf", "ab" * 32, 9, ZERO, "li",
    (PageSize(2560, 1440), PageSize(1132, 1600)),
)  # fmt: skip


def turn(page: int, from_s: float, to_s: float | None, document: str = "d-1") -> PageTurn:
    return PageTurn(
        ShownPage(DocumentId(document), page),
        ZERO + timedelta(seconds=from_s),
        None if to_s is None else ZERO + timedelta(seconds=to_s),
    )


def shown(turns: list[PageTurn], from_s: float = 0, to_s: float = 100) -> list[tuple[float, ...]]:
    track = page_track(turns, [BOOK], ZERO, from_s=from_s, to_s=to_s)
    return [(p.page, p.from_s, p.to_s) for p in track]


def test_pages_stand_on_the_recordings_time() -> None:
    turns = [turn(1, -30, 10.5), turn(2, 10.5, 20), turn(1, 60, None)]
    assert shown(turns) == [(1, 0, 10.5), (2, 10.5, 20), (1, 60, 100)]
    assert shown(turns, 15, 61) == [(2, 15, 20), (1, 60, 61)]
    assert shown(turns, 20, 60) == []
    track = page_track(turns, [BOOK], ZERO, from_s=0, to_s=100)
    assert [p.size for p in track] == [BOOK.pages[0], BOOK.pages[1], BOOK.pages[0]]


def test_what_is_not_there_any_more_is_left_out() -> None:
    assert shown([turn(1, 0, 5, "d-2"), turn(3, 5, 9), turn(2, 9, 9), turn(1, 12, 11)]) == []
    refused = replace(BOOK, pages=(), refused=("document_damaged", ""))
    assert page_track([turn(1, 0, 5)], [refused], ZERO, from_s=0, to_s=9) == ()


def test_a_part_counts_from_where_its_file_begins() -> None:
    track = page_track([turn(1, 0, 10), turn(2, 10, 20)], [BOOK], ZERO, from_s=0, to_s=100)
    assert [(p.page, p.from_s, p.to_s) for p in part_of(track, from_s=8, to_s=15)] == [
        (1, 8, 10), (2, 10, 15),
    ]  # fmt: skip
    assert [(p.page, p.from_s, p.to_s) for p in part_of(track, from_s=8, to_s=15, zero_s=8)] == [
        (1, 0, 2), (2, 2, 7),
    ]  # fmt: skip
    assert part_of(track, from_s=20, to_s=30) == ()
