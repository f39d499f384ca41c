from __future__ import annotations

from sync_classroom.domain.rollup import ADDITIVE, PER_LESSON
from sync_classroom.store.rollup_tables import rollups


def test_every_sum_has_its_column_in_the_order_in_which_they_are_read() -> None:
    assert tuple(c.name for c in rollups.columns)[5:] == ADDITIVE
    assert set(PER_LESSON) < set(ADDITIVE)
