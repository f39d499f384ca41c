"""The tables of the library belong to the one schema that migrations are compared with."""

from __future__ import annotations

from sync_classroom.store.library_tables import resource_versions, resources
from sync_classroom.store.tables import metadata


def test_tables_are_part_of_the_schema() -> None:
    for table in (resources, resource_versions):
        assert metadata.tables[table.name] is table
