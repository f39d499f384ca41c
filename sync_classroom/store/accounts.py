"""People and their browser sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.accounts import Role, Session, User
from ..domain.ids import UserId
from ..domain.problems import ProblemError, ProblemKind
from .account_tables import sessions, users
from .queries import Queries, missing_reference, rows
from .tables import schools, teachers

# Any constant of our own: on PostgreSQL whoever changes an account holds this lock to the end of
# the transaction. One lock for all: "is this the last administrator?" is about every account, and
# a change takes milliseconds, some a minute.
ACCOUNTS_LOCK: Final = 0x5C_1A55_0003

USER_COLUMNS = tuple(c for c in users.columns if c.name != "login_folded")


class AccountQueries(Queries):
    """`AccountStore` of the coordinator's ports."""

    async def add_user(self, user: User) -> None:
        """Store a new account.

        ValueError if the login (case-folded) or the id is taken; ProblemError `unknown_reference`
        for a school or teacher that does not exist.
        """
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(users).values(**_row(user)))
        except IntegrityError as error:
            raise await self._why_refused(user) from error

    async def update_user(self, user: UserId, change: Callable[[User], User]) -> User:
        """Store what `change` makes of the account as it is now, and return that.

        One transaction that no other change can overtake. Raises what `change` raises, KeyError for
        an unknown id, ProblemError `last_admin` rather than leave no administrator who can sign in,
        otherwise as `add_user`; nothing is stored then.
        """
        new: User | None = None
        try:
            async with self._database.write() as connection:
                await self._alone(connection, ACCOUNTS_LOCK)
                found = await rows(connection, select(*USER_COLUMNS).where(users.c.id == user))
                if not found:
                    raise KeyError(user)
                old = user_of(found[0]._mapping)
                new = change(old)
                if new == old:
                    return old
                await connection.execute(
                    update(users).where(users.c.id == user).values(**_row(new))
                )
                if _administers(old) and not _administers(new):
                    await _require_an_administrator(connection, old)
        except IntegrityError as error:
            assert new is not None  # only what was changed can have been refused
            raise await self._why_refused(new) from error
        return new

    async def users(self) -> Sequence[User]:
        """Every account, by login."""
        statement = select(*USER_COLUMNS).order_by(users.c.login_folded)
        async with self._database.read() as connection:
            return [user_of(row._mapping) for row in await rows(connection, statement)]

    async def user_by_login(self, login: str) -> User | None:
        """One account by its case-folded login."""
        return await self._user(users.c.login_folded == login.casefold())

    async def user_by_id(self, user: UserId) -> User | None:
        """One account."""
        return await self._user(users.c.id == user)

    async def add_session(self, session: Session) -> None:
        """Store a session; KeyError if its user is unknown, ValueError if the token is known."""
        try:
            async with self._database.write() as connection:
                await connection.execute(
                    insert(sessions).values(
                        token_hash=session.token_hash,
                        user=session.user,
                        created_at=session.created_at,
                        expires_at=session.expires_at,
                        user_agent=session.user_agent,
                    )
                )
        except IntegrityError as error:
            if await self.user_by_id(session.user) is None:
                raise KeyError(session.user) from error
            raise ValueError("there is a session with this token already") from error

    async def session_by_token(self, token_hash: bytes) -> tuple[Session, User] | None:
        """The session and its user, whatever its age."""
        statement = (
            select(
                sessions.c.created_at.label("session_created_at"),
                sessions.c.expires_at,
                sessions.c.user_agent,
                *USER_COLUMNS,
            )
            .join_from(sessions, users)
            .where(sessions.c.token_hash == token_hash)
        )
        async with self._database.read() as connection:
            found = await rows(connection, statement)
        if not found:
            return None
        row = found[0]
        user = user_of({c.name: getattr(row, c.name) for c in USER_COLUMNS})
        session = Session(
            token_hash, user.id, row.session_created_at, row.expires_at, row.user_agent
        )
        return session, user

    async def extend_session(self, token_hash: bytes, *, expires_at: datetime) -> None:
        """Let a session live until `expires_at`; a session that is gone stays gone."""
        async with self._database.write() as connection:
            await connection.execute(
                update(sessions)
                .where(sessions.c.token_hash == token_hash)
                .values(expires_at=expires_at)
            )

    async def drop_sessions(
        self,
        *,
        token_hash: bytes | None = None,
        user: UserId | None = None,
        expired_at: datetime | None = None,
    ) -> int:
        """Delete the sessions that meet every condition given; returns how many.

        ValueError if none is given: nobody means "everybody's".
        """
        conditions: list[ColumnElement[bool]] = []
        if token_hash is not None:
            conditions.append(sessions.c.token_hash == token_hash)
        if user is not None:
            conditions.append(sessions.c.user == user)
        if expired_at is not None:
            conditions.append(sessions.c.expires_at <= expired_at)
        if not conditions:
            raise ValueError("drop_sessions needs at least one condition")
        async with self._database.write() as connection:
            return (await connection.execute(delete(sessions).where(*conditions))).rowcount

    async def _user(self, where: ColumnElement[bool]) -> User | None:
        async with self._database.read() as connection:
            found = await rows(connection, select(*USER_COLUMNS).where(where))
        return user_of(found[0]._mapping) if found else None

    async def _why_refused(self, user: User) -> Exception:
        async with self._database.read() as connection:
            problem = await missing_reference(
                connection,
                [("school", schools, user.school), ("teacher", teachers, user.teacher)],
            )
        return problem or ValueError(f"the login {user.login!r} is taken")


def _administers(user: User) -> bool:
    return user.role is Role.ADMIN and user.disabled_at is None


async def _require_an_administrator(connection: AsyncConnection, leaving: User) -> None:
    """ProblemError if none is left after `leaving` has been changed."""
    left = select(users.c.id).where(users.c.role == Role.ADMIN.value, users.c.disabled_at.is_(None))
    if not await rows(connection, left.limit(1)):
        raise ProblemError(
            "last_admin",
            "这是最后一个可用的管理员账号，不能停用或改为其他角色。请先设立另一名管理员。",
            "This is the last administrator; make another one before disabling or changing it.",
            kind=ProblemKind.CONFLICT,
            field="role",
            value=leaving.login,
        )


def _row(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "login": user.login,
        "login_folded": user.login.casefold(),
        "name": user.name,
        "role": user.role.value,
        "password_hash": user.password_hash,
        "language": user.language,
        "school": user.school,
        "teacher": user.teacher,
        "disabled_at": user.disabled_at,
        "created_at": user.created_at,
        "last_sign_in_at": user.last_sign_in_at,
    }


def user_of(values: Any) -> User:
    """An account from the values of `USER_COLUMNS`."""
    return User(**{**values, "role": Role(values["role"])})
