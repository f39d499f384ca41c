"""Rows of every kind that may be deleted in time, with their ages, written past every service."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from sync_classroom.domain.accounts import Role, User
from sync_classroom.domain.ids import UserId
from sync_classroom.store.account_tables import feeds, help_calls, terminals, users
from sync_classroom.store.database import Database
from sync_classroom.store.document_tables import lesson_documents
from sync_classroom.store.plan_tables import notices
from sync_classroom.store.report_tables import reports
from sync_classroom.store.rollup_tables import access_log
from tests.support.coordination import roster
from tests.support.plan_changes import book
from tests.support.plans import lesson
from tests.support.terminal_journals import noted_all_through


async def fill(store: Database, now: datetime, *ages_days: int) -> None:
    """One row of each kind for each age; a user that was disabled so long ago has a feed, too."""
    await store.apply_roster(roster())
    await store.add_user(User(UserId("u-1"), "old-admin", "Admin", Role.ADMIN, "hash", "zh"))
    await book(store, lesson("shown", "09:00", "09:40"), key="shown", gap_s=0)
    for number, days in enumerate(ages_days):
        at = now - timedelta(days=days)
        await _rows(store, number, at)
        await _journal(store, number, at)


async def _rows(store: Database, n: int, at: datetime) -> None:
    gone = {"id": f"u-gone{n}", "login": f"gone{n}", "login_folded": f"gone{n}", "name": "",
            "role": "admin", "password_hash": "", "language": "zh", "disabled_at": at}  # fmt: skip

    def feed(ident: str, by: str, revoked_at: datetime | None) -> dict[str, Any]:
        return {
            "id": ident, "token_hash": ident.encode(), "kind": "classroom", "target": "far-1-r1",
            "language": "zh", "label": "", "made_by": by, "made_at": at, "revoked_at": revoked_at,
        }  # fmt: skip

    device = {"id": f"t-{n}", "classroom": "far-1-r1", "token_hash": b"%d" % n, "enrolled_at": at,
              "label": "old", "page_version": "1", "revoked_at": at}  # fmt: skip
    checked = {"id": f"c-{n}", "classroom": "far-1-r2", "token_hash": b"c%d" % n,
               "enrolled_at": at, "label": "", "page_version": "1", "revoked_at": at,
               "selfcheck": {"camera": {}}, "selfcheck_at": at}  # fmt: skip
    told = {"act": f"a-{n}", "kind": "classroom", "addressee": "far-1-r1", "at": at, "until": at,
            "items": [], "more": 0}  # fmt: skip
    called = {"id": f"h-{n}", "classroom": "far-1-r1", "terminal": "t", "lesson": None, "at": at,
              "text": "", "state": {}, "answered_by": None, "answered_at": None}  # fmt: skip
    report = {"id": f"r-{n}", "key": f"r-{n}", "kind": "month", "first": at.date(),
              "last": at.date(), "language": "zh", "formats": ["pdf"], "by": "admin", "at": at,
              "place": "one", "state": "done", "step": "", "percent": 100, "done_at": at,
              "files": {}, "sha256": {}}  # fmt: skip
    document = {"id": f"d-{n}", "occurrence": "shown", "key": f"d-{n}", "name": "", "bytes": 1,
                "sha256": f"{n}", "at": at, "by": "admin"}  # fmt: skip
    async with store._database.write() as connection:
        await connection.execute(insert(lesson_documents), [document])
        await connection.execute(insert(users), [gone])
        ours = [feed(f"f-{n}", "u-1", at), feed(f"g-{n}", f"u-gone{n}", None)]
        await connection.execute(insert(feeds), [*ours, feed(f"h-{n}", "u-1", None)])
        await connection.execute(insert(terminals), [device])
        await connection.execute(insert(terminals), [checked])
        await connection.execute(insert(help_calls), [called])
        await connection.execute(insert(notices), [told])
        await connection.execute(insert(reports), [report])
        entry = {"at": at, "actor": "u-1", "what": "coverage.page", "target": f"{n}"}
        await connection.execute(insert(access_log), [entry])


async def _journal(store: Database, n: int, at: datetime) -> None:
    """Twelve samples under one seal, the last of which ended at `at`."""
    planned = lesson(f"old-{n}", "09:00", "09:02", seats=["far-1-r1"])
    shift = at - planned.ends_at
    planned = replace(planned, starts_at=planned.starts_at + shift, ends_at=planned.ends_at + shift)
    samples = noted_all_through(planned, f"old-{n}-s0", classroom="far-1-r1", first=1 + 1000 * n)
    await store.append_samples(samples, received_at=at)
