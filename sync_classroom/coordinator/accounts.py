"""People: signing in and out, sessions, the first account, and looking after the others."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ..domain.accounts import Role, Session, User
from ..domain.ids import SchoolId, TeacherId, UserId
from ..domain.problems import ProblemError, ProblemKind
from .passwords import PasswordHashing
from .ports import AccountStore
from .throttle import Throttle, address_key

# A working day without signing in again; a week at most with one cookie.
SESSION_IDLE: Final = timedelta(hours=12)
SESSION_ABSOLUTE: Final = timedelta(days=7)
# A session is written again only when that gains this much, not on every request.
SLIDE_STEP: Final = timedelta(minutes=5)
TOKEN_BYTES: Final = 32  # 256 bits
MIN_PASSWORD: Final = 10
# argon2 hashes anything; a bound keeps a megabyte of password from being work.
MAX_PASSWORD: Final = 256
MAX_NAME: Final = 64
MAX_USER_AGENT: Final = 200
# Accounts are a bureau's and ten schools' staff; the list is one page and one query.
MAX_USERS: Final = 5000
LOGIN_PATTERN: Final = re.compile(r"[\w][\w.@-]{1,63}")
LANGUAGES: Final = ("zh", "en")


class _Keep:
    """Stands for "leave this field as it is"."""


KEEP: Final = _Keep()


def token_hash(token: str) -> bytes:
    """What is stored of a token: its SHA-256. A 256-bit random token needs no salt."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def fold_login(login: str) -> str:
    """The one spelling of a login: NFKC, no outer space, case-folded."""
    return unicodedata.normalize("NFKC", login).strip().casefold()


@dataclass(frozen=True, slots=True)
class SessionRules:
    """How long a sign-in lasts: `idle` since the last request, `absolute` since the sign-in."""

    idle: timedelta = SESSION_IDLE
    absolute: timedelta = SESSION_ABSOLUTE


class AccountService:
    """Accounts and their sessions. `clock` is aware UTC, `monotonic` drives the throttle only."""

    def __init__(
        self,
        store: AccountStore,
        clock: Callable[[], datetime],
        *,
        throttle: Throttle,
        hashing: PasswordHashing | None = None,
        rules: SessionRules | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self._throttle = throttle
        self._hashing = hashing or PasswordHashing()
        self._rules = rules or SessionRules()
        self._monotonic = monotonic
        self._setup_hash: bytes | None = None
        # One account is made at a time: the set-up link is spent by the first that succeeds.
        self._making = asyncio.Lock()

    def close(self) -> None:
        """Let the hashing threads go."""
        self._hashing.close()

    # ------------------------------------------------------------------ signing in

    async def sign_in(
        self, login: str, password: str, *, address: str, user_agent: str = ""
    ) -> tuple[str, User]:
        """A new session for whoever knows the password: (token for the cookie, user).

        Raises ProblemError: `sign_in_wrong` (the same, after the same work, for an unknown login,
        a wrong password and a disabled account) or `too_many_tries`.
        """
        folded = fold_login(login)[:MAX_PASSWORD]
        now = self._monotonic()
        where = address_key(address)
        self._throttle.require("sign_in", where, now)
        self._throttle.require("login", folded, now)
        found = await self._store.user_by_login(folded) if LOGIN_PATTERN.fullmatch(folded) else None
        right = await self._hashing.verify(
            found.password_hash if found else None, password[:MAX_PASSWORD]
        )
        if found is None or not right or found.disabled_at is not None:
            raise ProblemError(
                "sign_in_wrong",
                "账号或密码不对。请检查后重新输入；忘记密码请找管理员重设。",
                "Login or password is wrong. Check both and try again; an administrator can set a"
                " new password.",
                kind=ProblemKind.UNAUTHENTICATED,
            )
        self._throttle.give_back("sign_in", where, self._monotonic())
        self._throttle.give_back("login", folded, self._monotonic())
        fresh = (
            await self._hashing.hash(password[:MAX_PASSWORD])
            if self._hashing.outdated(found.password_hash)
            else None
        )
        return await self._begin(found.id, user_agent, fresh_hash=fresh)

    async def _begin(
        self, user: UserId, user_agent: str, *, fresh_hash: str | None = None
    ) -> tuple[str, User]:
        now = self._clock()
        current = await self._change(
            user,
            lambda u: replace(u, last_sign_in_at=now, password_hash=fresh_hash or u.password_hash),
        )
        await self._store.drop_sessions(expired_at=now)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        await self._store.add_session(
            Session(
                token_hash(token),
                user,
                created_at=now,
                expires_at=now + min(self._rules.idle, self._rules.absolute),
                user_agent=user_agent[:MAX_USER_AGENT],
            )
        )
        return token, current

    async def session(self, token: str) -> User | None:
        """Who holds this token, or None; being asked keeps the session alive."""
        hashed = token_hash(token)
        found = await self._store.session_by_token(hashed)
        if found is None:
            return None
        session, user = found
        now = self._clock()
        ends_at = session.created_at + self._rules.absolute
        if now >= min(session.expires_at, ends_at) or user.disabled_at is not None:
            await self._store.drop_sessions(token_hash=hashed)
            return None
        expires_at = min(now + self._rules.idle, ends_at)
        if expires_at - session.expires_at >= SLIDE_STEP:
            await self._store.extend_session(hashed, expires_at=expires_at)
        return user

    async def sign_out(self, token: str) -> None:
        """End the session of this token; an unknown token is fine."""
        await self._store.drop_sessions(token_hash=token_hash(token))

    # ------------------------------------------------------------------ the first account

    async def setup_link(self) -> str | None:
        """A new one-time token while there is no account at all, else None.

        Only its hash is kept, in this process; asking again makes the former token worthless.
        """
        if await self._store.users():
            self._setup_hash = None
            return None
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._setup_hash = token_hash(token)
        return token

    async def redeem_setup(
        self, token: str, login: str, name: str, password: str, *, address: str = ""
    ) -> User:
        """Make the first administrator; the token is spent only when that worked."""
        now = self._monotonic()
        self._throttle.require("setup", address_key(address), now)
        hashed = await self._checked_hash(login, password)
        async with self._making:
            known = self._setup_hash
            if (
                known is None
                or not hmac.compare_digest(known, token_hash(token))
                or await self._store.users()
            ):
                raise ProblemError(
                    "setup_link_spent",
                    "此设置链接已失效。若还没有任何账号，请重新启动服务，使用新打印的链接。",
                    "This set-up link is no longer valid. If there is no account yet, restart the"
                    " server and use the link it prints.",
                    kind=ProblemKind.FORBIDDEN,
                )
            user = self._new_user(login, name, Role.ADMIN, hashed)
            await self._store.add_user(user)
            self._setup_hash = None
        self._throttle.give_back("setup", address_key(address), self._monotonic())
        return user

    # ------------------------------------------------------------------ everybody else

    async def list(self) -> Sequence[User]:
        """Every account, disabled ones too, by login."""
        return await self._store.users()

    async def add_user(
        self,
        login: str,
        name: str,
        role: Role,
        password: str,
        *,
        language: str = "zh",
        school: SchoolId | None = None,
        teacher: TeacherId | None = None,
    ) -> User:
        """Make an account; ProblemError names the field that will not do."""
        hashed = await self._checked_hash(login, password)
        user = self._new_user(login, name, role, hashed, language, school, teacher)
        async with self._making:
            known = await self._store.users()
            if len(known) >= MAX_USERS:
                raise ProblemError(
                    "too_many_users",
                    f"账号已达上限 {MAX_USERS} 个，无法再添加。",
                    f"There are {MAX_USERS} accounts already, which is the limit.",
                    kind=ProblemKind.CONFLICT,
                    value=MAX_USERS,
                )
            try:
                await self._store.add_user(user)
            except ValueError:
                raise ProblemError(
                    "login_taken",
                    f"账号 {user.login} 已被使用，请换一个。",
                    f"The login {user.login} is taken; choose another.",
                    kind=ProblemKind.CONFLICT,
                    field="login",
                    value=user.login,
                ) from None
        return user

    async def update_user(
        self,
        user: UserId,
        *,
        name: str | None = None,
        role: Role | None = None,
        password: str | None = None,
        language: str | None = None,
        school: SchoolId | _Keep | None = KEEP,
        teacher: TeacherId | _Keep | None = KEEP,
    ) -> User:
        """Change what is given. A new password or role ends every session of the account."""
        hashed = None
        if password is not None:
            hashed = await self._checked_hash((await self._existing(user)).login, password)
        stricter = hashed is not None

        def changed(old: User) -> User:
            nonlocal stricter
            new = replace(
                old,
                name=old.name if name is None else _checked_name(name),
                role=old.role if role is None else _checked_role(role),
                language=old.language if language is None else _checked_language(language),
                password_hash=hashed or old.password_hash,
                school=old.school if isinstance(school, _Keep) else school,
                teacher=old.teacher if isinstance(teacher, _Keep) else teacher,
            )
            stricter = stricter or new.role is not old.role
            return new

        new = await self._change(user, changed)
        if stricter:
            await self._store.drop_sessions(user=user)
        return new

    async def change_password(self, user: UserId, old: str, new: str) -> None:
        """A person's own change; every session ends, this one too."""
        known = await self._existing(user)
        self._throttle.require("login", known.login, self._monotonic())
        if not await self._hashing.verify(known.password_hash, old[:MAX_PASSWORD]):
            raise ProblemError(
                "password_wrong",
                "现在的密码不对，请重新输入。",
                "The current password is wrong; enter it again.",
                field="old",
            )
        self._throttle.give_back("login", known.login, self._monotonic())
        await self.update_user(user, password=new)

    async def disable(self, user: UserId) -> User:
        """Close an account: no sign-in, every session ends now. The last administrator stays."""
        at = self._clock()
        new = await self._change(user, lambda u: replace(u, disabled_at=u.disabled_at or at))
        await self._store.drop_sessions(user=user)
        return new

    async def enable(self, user: UserId) -> User:
        """Open a disabled account again, with the password it had."""
        return await self._change(user, lambda u: replace(u, disabled_at=None))

    # ------------------------------------------------------------------ rules

    async def _existing(self, user: UserId) -> User:
        found = await self._store.user_by_id(user)
        if found is None:
            raise _unknown(user)
        return found

    async def _change(self, user: UserId, change: Callable[[User], User]) -> User:
        """The account after `change`, of which the store sees to it that an administrator stays."""
        try:
            return await self._store.update_user(user, change)
        except KeyError:
            raise _unknown(user) from None

    async def _checked_hash(self, login: str, password: str) -> str:
        check_password(password, login)
        return await self._hashing.hash(password)

    def _new_user(
        self,
        login: str,
        name: str,
        role: Role,
        password_hash: str,
        language: str = "zh",
        school: SchoolId | None = None,
        teacher: TeacherId | None = None,
    ) -> User:
        return User(
            id=UserId(f"u-{secrets.token_hex(8)}"),
            login=_checked_login(login),
            name=_checked_name(name),
            role=_checked_role(role),
            password_hash=password_hash,
            language=_checked_language(language),
            school=school,
            teacher=teacher,
            created_at=self._clock(),
        )


def _unknown(user: UserId) -> ProblemError:
    return ProblemError(
        "user_unknown",
        "没有这个账号，它可能已被删除。请刷新用户列表。",
        "There is no such account; reload the list of users.",
        kind=ProblemKind.NOT_FOUND,
        field="user",
        value=user,
    )


def check_password(password: str, login: str) -> None:
    """Raise ProblemError unless `password` is 10 to 256 characters and not the login."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise ProblemError(
            "password_length",
            f"密码要有 {MIN_PASSWORD} 到 {MAX_PASSWORD} 个字符；可以用几个词连成一句。",
            f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters; a few words make a good"
            " one.",
            field="password",
        )
    if fold_login(password) == fold_login(login):
        raise ProblemError(
            "password_is_login",
            "密码不能与账号相同，请换一个。",
            "The password must not be the login; choose another.",
            field="password",
        )


def _checked_login(login: str) -> str:
    folded = fold_login(login)
    if not LOGIN_PATTERN.fullmatch(folded):
        raise ProblemError(
            "login_malformed",
            "账号要有 2 到 64 个字符：字母、数字、汉字、点、下划线、@ 或连字符，不以符号开头。",
            "A login has 2 to 64 letters, digits, '.', '_', '@' or '-' and begins with a letter,"
            " digit or '_'.",
            field="login",
            value=login[:80],
        )
    return folded


def _checked_name(name: str) -> str:
    stripped = name.strip()
    if not 1 <= len(stripped) <= MAX_NAME or not stripped.isprintable():
        raise ProblemError(
            "name_malformed",
            f"姓名要有 1 到 {MAX_NAME} 个字符，不含控制字符。",
            f"A name has 1 to {MAX_NAME} printable characters.",
            field="name",
            value=name[:80],
        )
    return stripped


def _checked_role(role: Role) -> Role:
    if role is Role.DEVICE:
        raise ProblemError(
            "role_not_a_person",
            "device 是教室终端的身份，不能给用户。请选择管理员、教师、查阅者或操作员。",
            "device is for classroom terminals; choose admin, teacher, reviewer or operator.",
            field="role",
            value=role.value,
        )
    return role


def _checked_language(language: str) -> str:
    if language not in LANGUAGES:
        raise ProblemError(
            "language_unknown",
            "语言只能是 zh（中文）或 en（英文）。",
            "The language is zh or en.",
            field="language",
            value=language[:20],
        )
    return language
