"""A served coordinator with a term, for tests of the timetable's addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.edit_files import series_to_dict
from sync_classroom.domain.series import Series
from tests.support.coordination import TurnedClock
from tests.support.databases import file_store
from tests.support.drafts import TERM, roster, rule
from tests.support.offices import BEFORE_TERM
from tests.support.web import Site, site

DRAFT = f"/api/timetable/{TERM.id}/draft"
PUBLISH = f"/api/timetable/{TERM.id}/publish"
_keys = count(1)


@asynccontextmanager
async def term_site(folder: Path) -> AsyncIterator[Site]:
    """The day before `tests.support.drafts.TERM` begins; nothing is planned."""
    store = await file_store(folder, "term.db")
    try:
        await store.apply_roster(roster())
        async with site(folder, store=store, clock=TurnedClock(BEFORE_TERM)) as served:
            yield served
    finally:
        await store.close()


async def post(
    served: Site, path: str, body: Any, *, role: Role | None = Role.ADMIN, key: str = ""
) -> Any:
    """Post JSON with a key of its own; the response."""
    return await served.ask(
        "POST", path, role=role, json=body,
        headers={"Idempotency-Key": key or f"k{next(_keys)}"},
    )  # fmt: skip


async def read(served: Site, path: str, *, role: Role = Role.ADMIN) -> Any:
    """The JSON at an address."""
    answer = await served.ask("GET", path, role=role)
    assert answer.status == 200, await answer.text()
    return await answer.json()


def adding(series: Series | None = None) -> dict[str, Any]:
    """The command that adds a rule."""
    return {"do": "add_series", "series": series_to_dict(series or rule())}


async def published(served: Site, *rules: Series) -> Any:
    """Rules published over the API; the version."""
    seen = 0
    for each in rules or (rule(),):
        answer = await post(served, f"{DRAFT}/steps", {"seen": seen, "command": adding(each)})
        assert answer.status == 200, await answer.text()
        seen = (await answer.json())["revision"]
    answer = await post(served, PUBLISH, {"seen": seen, "note": "开学"})
    assert answer.status == 201, await answer.text()
    return await answer.json()
