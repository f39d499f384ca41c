"""The tables of push orders belong to the one schema that migrations are compared with."""

from __future__ import annotations

from sync_classroom.store.push_order_tables import (
    push_carried,
    push_copies,
    push_lines,
    push_orders,
    push_reminders,
    push_switches,
)
from sync_classroom.store.tables import metadata


def test_the_tables_are_part_of_the_schema() -> None:
    for table in (
        push_orders,
        push_copies,
        push_switches,
        push_reminders,
        push_lines,
        push_carried,
    ):
        assert metadata.tables[table.name] is table
