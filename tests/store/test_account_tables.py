"""Rules about people and devices that hold even if a caller forgets them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from sync_classroom.store.account_tables import terminals, users
from sync_classroom.store.database import Database
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio

NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)


async def test_a_classroom_has_one_device_in_use(store: Database) -> None:
    await store.apply_roster(programme())
    classroom = next(iter((await store.load_roster()).classrooms))

    def device(ident: str, revoked_at: datetime | None) -> dict[str, object]:
        return {
            "id": ident, "classroom": classroom, "token_hash": ident.encode(), "enrolled_at": NOW,
            "label": "", "page_version": "", "revoked_at": revoked_at,
        }  # fmt: skip

    async with store._database.write() as connection:
        await connection.execute(insert(terminals), [device("a", NOW), device("b", None)])
    with pytest.raises(IntegrityError):
        async with store._database.write() as connection:
            await connection.execute(insert(terminals), [device("c", None)])


async def test_logins_differ_by_more_than_case(store: Database) -> None:
    def person(ident: str, login: str) -> dict[str, object]:
        return {
            "id": ident, "login": login, "login_folded": login.casefold(), "name": "", "role":
            "admin", "password_hash": "", "language": "zh",
        }  # fmt: skip

    async with store._database.write() as connection:
        await connection.execute(insert(users), [person("a", "Wang")])
    with pytest.raises(IntegrityError):
        async with store._database.write() as connection:
            await connection.execute(insert(users), [person("b", "WANG")])
