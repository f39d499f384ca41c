from __future__ import annotations

from datetime import timedelta

from sync_classroom.domain.retention import LEAST_DAYS
from sync_classroom.store.retention_tables import LEAST_US


def test_the_tables_least_age_is_the_domains() -> None:
    assert timedelta(microseconds=LEAST_US) == timedelta(days=LEAST_DAYS)
