"""The table of push orders belongs to the one schema that migrations are compared with."""

from __future__ import annotations

from sync_classroom.store.push_order_tables import push_orders
from sync_classroom.store.tables import metadata


def test_the_table_is_part_of_the_schema() -> None:
    assert metadata.tables[push_orders.name] is push_orders
