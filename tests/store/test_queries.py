"""Lists of ids of any length become statements the drivers accept."""

from __future__ import annotations

from sync_classroom.store.queries import IDS_PER_STATEMENT, in_chunks


def test_chunks_are_full_except_the_last_and_keep_the_order() -> None:
    ids = [str(n) for n in range(2 * IDS_PER_STATEMENT + 1)]
    chunks = list(in_chunks(ids))
    assert [len(c) for c in chunks] == [IDS_PER_STATEMENT, IDS_PER_STATEMENT, 1]
    assert [i for c in chunks for i in c] == ids


def test_no_ids_are_no_statement() -> None:
    assert list(in_chunks([])) == []
