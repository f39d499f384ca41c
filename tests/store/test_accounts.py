"""Accounts and sessions come back exactly, and dropping drops what was meant only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from sync_classroom.domain.accounts import Role, Session, User
from sync_classroom.domain.ids import SchoolId, TeacherId, UserId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.store.database import Database, open_store
from tests.support.plans import at
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio

NOW = at("08:00")
ANNA = User(
    UserId("u-1"),
    "Anna",
    "安娜",
    Role.TEACHER,
    "$argon2id$x",
    "en",
    SchoolId("host-1"),
    TeacherId("host-1-t1"),
    at("07:00"),
    at("06:00:00.000001"),
    at("07:30"),
)
BERT = User(UserId("u-2"), "bert", "伯特", Role.ADMIN, "$argon2id$y")


@pytest_asyncio.fixture(autouse=True)
async def roster(store: Database) -> None:
    await store.apply_roster(programme())


def session(token: bytes, user: User, minutes: int = 60) -> Session:
    return Session(token, user.id, NOW, NOW + timedelta(minutes=minutes), "Chromium 156")


async def test_accounts_come_back_as_they_went_in_by_login(store: Database) -> None:
    await store.add_user(BERT)
    await store.add_user(ANNA)
    assert await store.users() == [ANNA, BERT]
    assert await store.user_by_id(ANNA.id) == ANNA
    assert await store.user_by_id(UserId("u-9")) is None


async def test_a_login_is_found_and_taken_in_any_case(store: Database) -> None:
    await store.add_user(ANNA)
    await store.add_user(replace(BERT, login="straße"))
    assert await store.user_by_login("aNNa") == ANNA
    found = await store.user_by_login("STRASSE")
    assert found is not None
    assert found.login == "straße"
    assert await store.user_by_login("ann") is None
    with pytest.raises(ValueError, match="'ANNA' is taken"):
        await store.add_user(replace(BERT, id=UserId("u-3"), login="ANNA"))


async def test_of_ten_simultaneous_accounts_with_one_login_one_is_made(store: Database) -> None:
    made = await asyncio.gather(
        *(store.add_user(replace(BERT, id=UserId(f"u-{n}"))) for n in range(10)),
        return_exceptions=True,
    )
    assert sorted(type(m).__name__ for m in made) == ["NoneType"] + 9 * ["ValueError"]
    assert len(await store.users()) == 1


async def test_an_account_of_a_school_or_teacher_that_does_not_exist_is_refused(
    store: Database,
) -> None:
    with pytest.raises(ProblemError) as caught:
        await store.add_user(replace(ANNA, teacher=TeacherId("nobody")))
    assert (caught.value.code, caught.value.value) == ("unknown_reference", "nobody")
    assert await store.users() == []


async def test_an_update_stores_every_field(store: Database) -> None:
    await store.add_user(ANNA)
    await store.add_user(BERT)
    changed = replace(
        ANNA,
        login="anne",
        name="安妮",
        role=Role.REVIEWER,
        school=None,
        teacher=None,
        disabled_at=None,
        last_sign_in_at=at("09:00"),
        password_hash="$argon2id$z",
        language="zh",
    )
    seen: list[User] = []

    def change(old: User) -> User:
        seen.append(old)
        return changed

    assert await store.update_user(ANNA.id, change) == changed
    assert seen == [ANNA]
    assert await store.users() == [changed, BERT]
    assert await store.user_by_login("anna") is None
    with pytest.raises(ValueError, match="'BERT' is taken"):
        await store.update_user(ANNA.id, lambda u: replace(u, login="BERT"))
    with pytest.raises(KeyError, match="u-9"):
        await store.update_user(UserId("u-9"), lambda u: u)
    with pytest.raises(ZeroDivisionError):
        await store.update_user(ANNA.id, lambda u: replace(u, name=str(1 // 0)))
    assert await store.users() == [changed, BERT]


async def test_simultaneous_changes_of_one_account_are_all_kept(
    store: Database, database_url: str
) -> None:
    """A sign-in at one coordinator must not bring back a role taken away at another."""
    other = await open_store(database_url, data_dir=None)
    await store.add_user(ANNA)
    await store.add_user(BERT)
    await asyncio.gather(
        *(
            through.update_user(ANNA.id, lambda u: replace(u, name=u.name + "x"))
            for through in (store, other) * 5
        ),
        other.update_user(ANNA.id, lambda u: replace(u, role=Role.OPERATOR)),
    )
    found = await store.user_by_id(ANNA.id)
    assert found == replace(ANNA, name="安娜" + 10 * "x", role=Role.OPERATOR)
    await other.close()


@pytest.mark.parametrize(
    "leave",
    [
        lambda u: replace(u, role=Role.TEACHER),
        lambda u: replace(u, disabled_at=NOW),
        lambda u: replace(u, role=Role.REVIEWER, disabled_at=NOW),
    ],
    ids=["demoted", "disabled", "both"],
)
async def test_the_last_administrator_stays_whoever_else_there_is(
    store: Database, leave: Callable[[User], User]
) -> None:
    gone = replace(BERT, id=UserId("u-3"), login="gone", disabled_at=NOW)
    for user in (ANNA, BERT, gone):
        await store.add_user(user)
    with pytest.raises(ProblemError) as caught:
        await store.update_user(BERT.id, leave)
    assert (caught.value.code, caught.value.value) == ("last_admin", "bert")
    assert await store.users() == [ANNA, BERT, gone]
    # Who is no administrator, or no longer one, may change as they like.
    await store.update_user(ANNA.id, leave)
    await store.update_user(gone.id, lambda u: replace(u, role=Role.TEACHER))
    await store.update_user(BERT.id, lambda u: replace(u, name="伯特二"))


async def test_two_coordinators_removing_each_others_last_administrator_leave_one(
    store: Database, database_url: str
) -> None:
    other = await open_store(database_url, data_dir=None)
    names = [f"admin-{n}" for n in range(6)]
    for name in names:
        await store.add_user(replace(BERT, id=UserId(name), login=name))
    outcomes = await asyncio.gather(
        *(
            (store, other)[n % 2].update_user(
                UserId(name),
                lambda u, n=n: (
                    replace(u, role=Role.TEACHER) if n % 3 else replace(u, disabled_at=NOW)
                ),
            )
            for n, name in enumerate(names)
        ),
        return_exceptions=True,
    )
    refused = [o for o in outcomes if isinstance(o, BaseException)]
    assert [getattr(o, "code", o) for o in refused] == ["last_admin"]
    left = [u for u in await store.users() if u.role is Role.ADMIN and u.disabled_at is None]
    assert [u.id for u in left] == [names[outcomes.index(refused[0])]]
    await other.close()


async def test_a_session_is_found_with_its_user_whatever_its_age(store: Database) -> None:
    await store.add_user(ANNA)
    old = session(b"\x00\xff", ANNA, minutes=-60)
    await store.add_session(old)
    assert await store.session_by_token(b"\x00\xff") == (old, ANNA)
    assert await store.session_by_token(b"\x00") is None


async def test_a_session_needs_a_user_and_a_token_of_its_own(store: Database) -> None:
    await store.add_user(ANNA)
    await store.add_session(session(b"t", ANNA))
    with pytest.raises(ValueError, match="this token already"):
        await store.add_session(session(b"t", ANNA))
    with pytest.raises(KeyError, match="u-2"):
        await store.add_session(session(b"u", BERT))


async def test_a_session_can_live_longer_but_not_again(store: Database) -> None:
    await store.add_user(ANNA)
    first = session(b"t", ANNA)
    await store.add_session(first)
    later = NOW + timedelta(days=1)
    await store.extend_session(b"t", expires_at=later)
    assert await store.session_by_token(b"t") == (replace(first, expires_at=later), ANNA)
    await store.drop_sessions(token_hash=b"t")
    await store.extend_session(b"t", expires_at=later)
    assert await store.session_by_token(b"t") is None


async def test_sessions_are_dropped_by_token_user_or_age(store: Database) -> None:
    for user in (ANNA, BERT):
        await store.add_user(user)
    for token, user, minutes in (
        (b"a1", ANNA, 10),
        (b"a2", ANNA, 60),
        (b"b1", BERT, 10),
        (b"b2", BERT, 60),
    ):
        await store.add_session(session(token, user, minutes))

    async def left() -> list[bytes]:
        tokens = (b"a1", b"a2", b"b1", b"b2")
        return [t for t in tokens if await store.session_by_token(t) is not None]

    with pytest.raises(ValueError, match="at least one condition"):
        await store.drop_sessions()
    assert await store.drop_sessions(expired_at=NOW + timedelta(minutes=9)) == 0
    assert await store.drop_sessions(token_hash=b"none") == 0
    assert await store.drop_sessions(user=BERT.id, expired_at=NOW + timedelta(minutes=10)) == 1
    assert await left() == [b"a1", b"a2", b"b2"]
    assert await store.drop_sessions(expired_at=NOW + timedelta(minutes=10)) == 1
    assert await store.drop_sessions(token_hash=b"b2") == 1
    assert await left() == [b"a2"]
    assert await store.drop_sessions(user=ANNA.id) == 1
    assert await left() == []
