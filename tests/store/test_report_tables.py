"""The tables of reports belong to the one schema that migrations are compared with."""

from __future__ import annotations

from sync_classroom.store.report_tables import publications, reports, restatements
from sync_classroom.store.tables import metadata


def test_tables_are_part_of_the_schema() -> None:
    for table in (reports, publications, restatements):
        assert metadata.tables[table.name] is table
