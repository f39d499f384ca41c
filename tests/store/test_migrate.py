"""Starting twice, and starting at once, migrates once; a newer database is left alone."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text

from sync_classroom.domain.problems import ProblemError
from sync_classroom.store.database import Database, open_store
from sync_classroom.store.engine import Transactions, make_engine, parse_place, prepare_file
from sync_classroom.store.rollup_tables import rollup_classes
from sync_classroom.store.tables import metadata
from tests.support.plan_changes import changing

pytestmark = pytest.mark.asyncio
NEWEST = "0032"


async def table_names(store: Database) -> set[str]:
    async with store._database.read() as connection:
        return set(await connection.run_sync(lambda c: inspect(c).get_table_names()))


async def versions(store: Database) -> list[str]:
    async with store._database.read() as connection:
        found = await connection.execute(text("SELECT version_num FROM alembic_version"))
        return list(found.scalars())


async def test_an_empty_database_gets_every_table(new_database_url: str) -> None:
    store = await open_store(new_database_url, data_dir=None)
    assert await table_names(store) == set(metadata.tables) | {"alembic_version"}
    assert await versions(store) == [NEWEST]
    await store.close()


async def test_opening_again_changes_nothing(new_database_url: str) -> None:
    first = await open_store(new_database_url, data_dir=None)
    await first.hold_lease("a", for_s=30)
    await first.close()
    second = await open_store(new_database_url, data_dir=None)
    assert (await second.hold_lease("b", for_s=30)).holder == "a"
    assert await versions(second) == [NEWEST]
    await second.close()


async def test_eight_coordinators_starting_at_once_migrate_once(new_database_url: str) -> None:
    stores = await asyncio.gather(*(open_store(new_database_url, data_dir=None) for _ in range(8)))
    assert await versions(stores[0]) == [NEWEST]
    for store in stores:
        assert await store.ready()
        await store.close()


async def test_two_processes_starting_at_once_migrate_once(new_database_url: str) -> None:
    program = (
        "import asyncio, sys\n"
        "from sync_classroom.store.database import open_store\n"
        "async def main():\n"
        "    store = await open_store(sys.argv[1], data_dir=None)\n"
        "    await store.close()\n"
        "asyncio.run(main())\n"
    )
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, new_database_url, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    outputs = await asyncio.gather(*(process.communicate() for process in started))
    assert [process.returncode for process in started] == [0, 0], outputs
    store = await open_store(new_database_url, data_dir=None)
    assert await versions(store) == [NEWEST]
    await store.close()


async def test_different_databases_can_be_opened_at_once(tmp_path: Path) -> None:
    stores = await asyncio.gather(
        *(open_store(f"sqlite:///{n}/store.db", data_dir=tmp_path) for n in range(4))
    )
    for store in stores:
        assert await table_names(store) == set(metadata.tables) | {"alembic_version"}
        await store.close()


async def test_a_database_of_a_newer_version_is_left_alone_and_said_so(
    new_database_url: str,
) -> None:
    store = await open_store(new_database_url, data_dir=None)
    async with store._database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ProblemError) as caught:
        await open_store(new_database_url, data_dir=None)
    assert (caught.value.code, caught.value.value) == ("database_newer", "9999")
    assert await versions(store) == ["9999"]
    await store.close()


async def test_a_migration_that_fails_leaves_the_database_as_it_was(new_database_url: str) -> None:
    store = await open_store(new_database_url, data_dir=None)
    async with store._database.write() as connection:
        await connection.execute(text("DROP TABLE sessions"))
        await connection.execute(text("DELETE FROM alembic_version"))
    before = await table_names(store)
    # The step makes `programme` first, which is there already.
    with pytest.raises(ProblemError):
        await open_store(new_database_url, data_dir=None)
    assert await table_names(store) == before
    assert await versions(store) == []
    await store.close()


OLD_ROWS = (
    "INSERT INTO leases VALUES ('alarms', 'a', 7, 0)",
    "INSERT INTO schools VALUES ('host', '主讲校', 'host', '2020-09-01', NULL),"
    " ('far', '受援校', 'remote', '2020-09-01', NULL)",
    "INSERT INTO classrooms VALUES ('host-r', 'host', '1号', '2020-09-01', NULL, 45),"
    " ('far-r', 'far', '1号', '2020-09-01', NULL, 45)",
    "INSERT INTO teachers VALUES ('t', 'host', '王老师')",
    "INSERT INTO occurrences (id, key, mode, title, subject, date, starts_at, ends_at, periods,"
    " host_school, host_classroom, host_teacher) VALUES ('o-1', 'k', 'live', '课', '英语',"
    " '2026-11-23', 1795395600000000, 1795398000000000, 1, 'host', 'host-r', 't')",
    "INSERT INTO seats (occurrence, id, position, classroom) VALUES ('o-1', 's-1', 0, 'far-r')",
    'INSERT INTO changes (occurrence, key, kind, at, "by", reason, excused) VALUES'
    " ('o-1', 'c', 'cancelled', 1795395000000000, 'u', '停电', true)",
)


async def at_version(url: str, version: str, rows: Sequence[str]) -> None:
    """A database as an older version left it, with these rows."""
    place = parse_place(url, None)
    if place.file is not None:
        prepare_file(place.file)
    database = Transactions(make_engine(place), place)
    script = ScriptDirectory(str(files("sync_classroom.store") / "migrations"))

    def first_steps(connection: Connection) -> None:
        context = MigrationContext.configure(
            connection,
            opts={"fn": lambda had, _: script._upgrade_revs(version, had), "script": script},
        )
        context.run_migrations(op=Operations(context))

    async with database.write() as connection:
        await connection.run_sync(first_steps)
        for row in rows:
            await connection.execute(text(row))
    await database.engine.dispose()


@pytest.mark.parametrize("version", ["0001", "0003", "0004"])
async def test_an_older_database_keeps_its_rows_and_gains_the_rest(
    new_database_url: str, version: str
) -> None:
    await at_version(new_database_url, version, OLD_ROWS)
    store = await open_store(new_database_url, data_dir=None)
    assert await versions(store) == [NEWEST]
    assert await table_names(store) == set(metadata.tables) | {"alembic_version"}
    async with store._database.read() as connection:
        found = await connection.execute(text("SELECT holder, epoch FROM leases"))
        assert found.all() == [("a", 7)]
    [old] = await store.occurrences_on(date(2026, 11, 23), date(2026, 11, 23))
    assert (old.slot, old.moved_from, old.seats[0].assistant) == (None, None, None)
    assert [(c.kind, c.reason) for c in old.changes] == [("cancelled", "停电")]
    assert await store.history_of(old.id) == ()
    # What was there can be changed like anything else.
    back = replace(old, changes=())
    await store.change_plan(changing(old, back), gap_s=0)
    assert (await store.get_occurrence(old.id)) == back
    assert [h.kind for h in await store.history_of(old.id)] == ["restored"]
    await store.close()


def _lesson(number: int, *, own: bool = False) -> dict[str, object]:
    return {"id": f"eng-{number}", "slot": {"series": "eng", "date": "2026-09-07", "own": own}}


OLD_DIFF = [
    {"kind": "series_new", "lesson": None, "series": "eng", "old": None, "new": {"id": "eng"},
     "to": None, "fields": []},
    {"kind": "new", "lesson": "eng-1", "series": None, "old": None, "new": _lesson(1), "to": None,
     "fields": []},
    {"kind": "moved", "lesson": "eng-2", "series": None, "old": _lesson(2, own=True),
     "new": _lesson(2, own=True), "to": None, "fields": [{"field": "date", "old": 1, "new": 2}]},
    {"kind": "changed", "lesson": "eng-3", "series": None, "old": _lesson(3), "new": _lesson(3),
     "to": None, "fields": []},
]  # fmt: skip


async def test_what_older_versions_changed_becomes_rows(new_database_url: str) -> None:
    term = "INSERT INTO terms VALUES ('t', '学期', '2026-08-31', '2026-09-01', '2027-01-22')"
    version = (
        'INSERT INTO versions (no, term, at, "by", note, key, counts, diff) VALUES'
        f" (3, 't', 1795395600000000, 'li', '开学', 'k', '{{}}', '{json.dumps(OLD_DIFF)}'),"
        " (4, 't', 1795395600000001, 'li', '空', 'l', '{}', '[]')"
    )
    await at_version(new_database_url, "0010", (term, version.replace(":", "\\:")))
    store = await open_store(new_database_url, data_dir=None)
    found = await store.version(3)
    assert found is not None
    assert (found.note, found.counts) == ("开学", {})
    entries = await store.version_entries(3, limit=9)
    assert [e.entry for e in entries] == OLD_DIFF
    assert [(e.kind, e.series, e.beside, e.told, e.by) for e in entries] == [
        ("series_new", "eng", None, True, "li"),
        ("new", None, "eng", False, "li"),
        ("moved", None, None, True, "li"),
        ("changed", None, None, False, "li"),
    ]
    assert await store.version_size(4) == 0
    await store.close()


OLD_RESULTS = (
    "INSERT INTO schools VALUES ('far', '受援校', 'remote', '2020-09-01', NULL)",
    "INSERT INTO classes VALUES ('c', 'far', 3, '一班', 40), ('d', 'far', 3, '二班', 30)",
    "INSERT INTO seat_results VALUES"
    " (1, 'o-1', 's-1', '2026-11-23', 'far', 'far-r', 'c', '英语', 'host', 't', 1, 'held', NULL,"
    " 2400, 0, 2400, 2400, 38, 40, true),"
    " (1, 'o-1', 's-2', '2026-11-23', 'far', 'far-q', 'd', '英语', 'host', 't', 1, 'held', NULL,"
    " 2400, 0, 2400, 2400, NULL, 30, true),"
    " (1, 'o-2', 's-1', '2026-11-23', 'far', 'far-r', 'c', '数学', 'host', 't', 1, 'missed', NULL,"
    " 0, 0, 2400, 0, NULL, 40, false)",
    "INSERT INTO rolled_spans VALUES (1, 'day', '2026-11-23'), (1, 'week', '2026-11-23')",
)


async def test_the_classes_of_days_are_made_again_of_the_seats(new_database_url: str) -> None:
    await at_version(new_database_url, "0010", OLD_RESULTS)
    store = await open_store(new_database_url, data_dir=None)
    monday = date(2026, 11, 23)
    async with store._database.read() as connection:
        found = (await connection.execute(select(rollup_classes).order_by("classroom"))).all()
    assert [tuple(row) for row in found] == [
        (1, "day", monday, "far", "far-q", "d", "英语", "host", "t", None),
        (1, "day", monday, "far", "far-r", "c", "英语", "host", "t", 38),
    ]
    month = date(2026, 11, 1)
    assert await store.spans_to_roll([1], monday) == [(1, "week", monday), (1, "month", month)]
    await store.close()


async def test_steps_form_one_line_and_are_packaged() -> None:
    script = ScriptDirectory(str(files("sync_classroom.store") / "migrations"))
    steps = [step.revision for step in script.walk_revisions()]
    assert steps == sorted(set(steps), reverse=True)
    assert script.get_heads() == [NEWEST]
