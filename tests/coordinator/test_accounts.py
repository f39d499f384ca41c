"""Signing in, sessions, the first account, and the last administrator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from sync_classroom.coordinator.accounts import AccountService, fold_login, token_hash
from sync_classroom.coordinator.passwords import PasswordHashing
from sync_classroom.coordinator.throttle import Throttle
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import UserId
from sync_classroom.domain.problems import ProblemError, ProblemKind
from sync_classroom.store.database import Database
from tests.support.coordination import TurnedClock
from tests.support.databases import file_store
from tests.support.plans import at
from tests.support.web import PASSWORD, QUICK_HASHES, TurnedSeconds, stored_bytes

pytestmark = pytest.mark.asyncio
OTHER = "another long password"


@dataclass
class Desk:
    service: AccountService
    store: Database
    clock: TurnedClock
    seconds: TurnedSeconds
    throttle: Throttle

    async def sign_in(self, login: str = "wang", password: str = PASSWORD) -> str:
        token, _ = await self.service.sign_in(login, password, address="192.0.2.1")
        return token


@asynccontextmanager
async def desk(folder: Path, *, user: bool = True) -> AsyncIterator[Desk]:
    store = await file_store(folder)
    clock, seconds, throttle = TurnedClock(at("08:00")), TurnedSeconds(), Throttle()
    service = AccountService(
        store,
        clock,
        throttle=throttle,
        hashing=PasswordHashing(QUICK_HASHES),
        monotonic=seconds,
    )
    try:
        if user:
            await service.add_user("wang", "王老师", Role.TEACHER, PASSWORD)
        yield Desk(service, store, clock, seconds, throttle)
    finally:
        service.close()
        await store.close()


async def code_of(awaitable: object) -> str:
    with pytest.raises(ProblemError) as caught:
        await awaitable  # type: ignore[misc]
    assert caught.value.zh
    assert caught.value.en
    return caught.value.code


async def test_the_token_leads_to_the_user_and_only_its_hash_is_stored(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        token, user = await d.service.sign_in(" WANG ", PASSWORD, address="192.0.2.1")
        assert user.login == "wang"
        assert user.last_sign_in_at == d.clock()
        found = await d.service.session(token)
        assert found is not None
        assert found.id == user.id
        assert await d.store.session_by_token(token_hash(token)) is not None
        data = stored_bytes(tmp_path)
        assert token_hash(token) in data
        assert token.encode() not in data
        assert PASSWORD.encode() not in data


async def test_who_signs_in_wrongly_learns_nothing_about_the_account(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        user = await d.service.add_user("gone", "离任", Role.TEACHER, PASSWORD)
        await d.service.disable(user.id)
        said = set()
        for login, password in (
            ("wang", "wrong password"),
            ("nobody", PASSWORD),
            ("gone", PASSWORD),
            ("\x00", PASSWORD),
            ("x" * 10_000, "y" * 10_000),
            ("wang", "\ud800"),
        ):
            with pytest.raises(ProblemError) as caught:
                await d.service.sign_in(login, password, address="192.0.2.1")
            said.add((caught.value.code, caught.value.zh, caught.value.value, caught.value.kind))
        assert len(said) == 1
        assert said.pop()[3] is ProblemKind.UNAUTHENTICATED


async def test_an_unknown_login_costs_a_hash_too(tmp_path: Path) -> None:
    counted: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002
            counted.append(str(hash))
            return super().verify(hash, password)

    async with desk(tmp_path) as d:
        d.service._hashing = PasswordHashing(Counting(time_cost=1, memory_cost=8, parallelism=1))
        for login in ("wang", "nobody"):
            assert await code_of(d.sign_in(login, "wrong password")) == "sign_in_wrong"
        d.service._hashing.close()
    assert len(counted) == 2


async def test_guessing_one_account_is_slowed_down_whatever_the_address(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        for n in range(10):
            guess = d.service.sign_in("wang", f"guess {n} long", address=f"192.0.2.{n}")
            assert await code_of(guess) == "sign_in_wrong"
        last = d.service.sign_in("wang", PASSWORD, address="198.51.100.1")
        with pytest.raises(ProblemError) as caught:
            await last
        assert caught.value.code == "too_many_tries"
        assert caught.value.retry_after_s == 30
        d.seconds.now += 30
        await d.sign_in()


async def test_guessing_many_accounts_from_one_address_is_slowed_down(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        for n in range(30):
            assert await code_of(d.sign_in(f"user{n}")) == "sign_in_wrong"
        assert await code_of(d.sign_in()) == "too_many_tries"
        await d.service.sign_in("wang", PASSWORD, address="198.51.100.1")


async def test_a_whole_school_behind_one_address_signs_in(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        for _ in range(60):
            await d.sign_in()


async def test_a_session_slides_and_ends_after_twelve_idle_hours(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        token = await d.sign_in()
        for _ in range(3):
            d.clock.turn(hours=11, minutes=59)
            assert await d.service.session(token) is not None
        d.clock.turn(hours=12)
        assert await d.service.session(token) is None
        d.clock.turn(hours=-12)
        assert await d.service.session(token) is None, "an ended session is gone"


async def test_a_session_ends_after_seven_days_however_busy(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        token = await d.sign_in()
        begun = d.clock()
        while d.clock() + timedelta(hours=8) < begun + timedelta(days=7):
            d.clock.turn(hours=8)
            assert await d.service.session(token) is not None
        d.clock.now = begun + timedelta(days=7)
        assert await d.service.session(token) is None


async def test_signing_out_ends_this_session_only(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        one, two = await d.sign_in(), await d.sign_in()
        await d.service.sign_out(one)
        await d.service.sign_out("never there")
        assert await d.service.session(one) is None
        assert await d.service.session(two) is not None


async def test_expired_sessions_are_swept_when_somebody_signs_in(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        old = await d.sign_in()
        d.clock.turn(hours=13)
        await d.sign_in()
        assert await d.store.session_by_token(token_hash(old)) is None


async def test_the_setup_link_makes_one_administrator_once(tmp_path: Path) -> None:
    async with desk(tmp_path, user=False) as d:
        token = await d.service.setup_link()
        assert token is not None
        assert await code_of(d.service.redeem_setup("wrong", "root", "根", PASSWORD)) == (
            "setup_link_spent"
        )
        # A mistake in the form does not spend the link.
        assert await code_of(d.service.redeem_setup(token, "root", "根", "short")) == (
            "password_length"
        )
        outcomes = await asyncio.gather(
            *(d.service.redeem_setup(token, f"root{n}", "根", PASSWORD) for n in range(4)),
            return_exceptions=True,
        )
        assert [isinstance(o, ProblemError) for o in outcomes].count(False) == 1
        (user,) = await d.service.list()
        assert user.role is Role.ADMIN
        assert await d.service.setup_link() is None
        await d.sign_in(user.login)


async def test_asking_for_a_setup_link_again_replaces_it(tmp_path: Path) -> None:
    async with desk(tmp_path, user=False) as d:
        first = await d.service.setup_link()
        second = await d.service.setup_link()
        assert first is not None
        assert second is not None
        redeem = d.service.redeem_setup
        assert await code_of(redeem(first, "root", "根", PASSWORD)) == "setup_link_spent"
        await redeem(second, "root", "根", PASSWORD)


async def test_guessing_the_setup_token_is_slowed_down(tmp_path: Path) -> None:
    async with desk(tmp_path, user=False) as d:
        token = await d.service.setup_link()
        assert token is not None
        for _ in range(5):
            await code_of(d.service.redeem_setup("x", "root", "根", PASSWORD, address="192.0.2.1"))
        late = d.service.redeem_setup(token, "root", "根", PASSWORD, address="192.0.2.1")
        assert await code_of(late) == "too_many_tries"


@pytest.mark.parametrize(
    ("login", "name", "password", "code"),
    [
        ("li", "李", "nine char", "password_length"),
        ("li", "李", "x" * 257, "password_length"),
        ("long-login-name", "李", "Long-Login-Name", "password_is_login"),
        ("l", "李", PASSWORD, "login_malformed"),
        ("li li", "李", PASSWORD, "login_malformed"),
        ("-li", "李", PASSWORD, "login_malformed"),
        ("x" * 65, "李", PASSWORD, "login_malformed"),
        ("li", "", PASSWORD, "name_malformed"),
        ("li", "a\nb", PASSWORD, "name_malformed"),
        ("WANG", "王", PASSWORD, "login_taken"),
        ("ｗａｎｇ", "王", PASSWORD, "login_taken"),
    ],
)
async def test_what_an_account_may_not_be(
    tmp_path: Path, login: str, name: str, password: str, code: str
) -> None:
    async with desk(tmp_path) as d:
        assert await code_of(d.service.add_user(login, name, Role.TEACHER, password)) == code
        assert [u.login for u in await d.service.list()] == ["wang"]


async def test_a_person_is_never_a_device(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        add = d.service.add_user("li", "李", Role.DEVICE, PASSWORD)
        assert await code_of(add) == "role_not_a_person"


async def test_a_new_password_or_role_ends_every_session(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        (user,) = await d.service.list()
        token = await d.sign_in()
        await d.service.update_user(user.id, name="王主任")
        assert await d.service.session(token) is not None
        await d.service.update_user(user.id, password=OTHER)
        assert await d.service.session(token) is None
        assert await code_of(d.sign_in()) == "sign_in_wrong"
        token = await d.sign_in(password=OTHER)
        changed = await d.service.update_user(user.id, role=Role.REVIEWER)
        assert await d.service.session(token) is None
        assert (changed.name, changed.role) == ("王主任", Role.REVIEWER)


async def test_ones_own_password_needs_the_old_one(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        (user,) = await d.service.list()
        change = d.service.change_password
        assert await code_of(change(user.id, "wrong one here", OTHER)) == "password_wrong"
        assert await code_of(change(user.id, PASSWORD, "short")) == "password_length"
        await change(user.id, PASSWORD, OTHER)
        await d.sign_in(password=OTHER)


async def test_a_disabled_account_is_out_at_once_and_back_when_enabled(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        (user,) = await d.service.list()
        token = await d.sign_in()
        disabled = await d.service.disable(user.id)
        assert disabled.disabled_at == d.clock()
        assert await d.service.session(token) is None
        assert await code_of(d.sign_in()) == "sign_in_wrong"
        await d.service.enable(user.id)
        assert await d.service.session(token) is None
        await d.sign_in()


async def test_the_last_administrator_stays(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        one = await d.service.add_user("one", "甲", Role.ADMIN, PASSWORD)
        assert await code_of(d.service.disable(one.id)) == "last_admin"
        assert await code_of(d.service.update_user(one.id, role=Role.TEACHER)) == "last_admin"
        two = await d.service.add_user("two", "乙", Role.ADMIN, PASSWORD)
        outcomes = await asyncio.gather(
            d.service.disable(one.id),
            d.service.update_user(two.id, role=Role.TEACHER),
            return_exceptions=True,
        )
        assert [isinstance(o, ProblemError) for o in outcomes].count(True) == 1
        left = [u for u in await d.service.list() if u.role is Role.ADMIN and u.disabled_at is None]
        assert len(left) == 1


async def test_two_coordinators_cannot_remove_each_others_last_administrator(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as d:
        # Another coordinator on the same database: nothing in memory is shared.
        other = AccountService(
            d.store, d.clock, throttle=Throttle(), hashing=PasswordHashing(QUICK_HASHES)
        )
        one = await d.service.add_user("one", "甲", Role.ADMIN, PASSWORD)
        two = await d.service.add_user("two", "乙", Role.ADMIN, PASSWORD)
        outcomes = await asyncio.gather(
            d.service.disable(one.id),
            other.update_user(two.id, role=Role.TEACHER),
            return_exceptions=True,
        )
        assert [o.code for o in outcomes if isinstance(o, ProblemError)] == ["last_admin"]
        left = [u for u in await d.service.list() if u.role is Role.ADMIN and u.disabled_at is None]
        assert len(left) == 1
        other.close()


async def test_an_unknown_account_is_named(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        for act in (d.service.disable, d.service.enable, d.service.update_user):
            assert await code_of(act(UserId("u-none"))) == "user_unknown"


async def test_a_hash_of_former_parameters_is_renewed_at_sign_in(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        (before,) = await d.service.list()
        d.service._hashing.close()
        d.service._hashing = PasswordHashing(PasswordHasher(2, 8, 1))
        await d.sign_in()
        (after,) = await d.service.list()
        assert "t=1" in before.password_hash
        assert "t=2" in after.password_hash
        await d.sign_in()


async def test_one_login_has_one_spelling() -> None:
    assert {fold_login(t) for t in ("Straße", " STRASSE", "ｓｔｒａｓｓｅ")} == {"strasse"}
