"""Calendar feeds: their secret addresses, and the lessons one of them shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.accounts import User
from ..domain.feeds import Feed, FeedKind, Marks
from ..domain.history import Happening
from ..domain.ids import OccurrenceId, TeacherId, UserId
from ..domain.timetable import Mode, Occurrence
from .account_tables import feeds, users
from .accounts import USER_COLUMNS, user_of
from .plan_rows import load_occurrences
from .plan_tables import occurrence_history
from .queries import Queries, in_chunks, rows
from .tables import classrooms, occurrences, participants, seats, teachers

# A constant of our own: whoever counts feeds to add one holds it.
FEEDS_LOCK: Final = 0x5C_1A55_0021
_COLUMNS = tuple(c for c in feeds.columns if c.name != "token_hash")
_WITH_MAKER = select(*_COLUMNS, *(c.label(f"maker_{c.name}") for c in USER_COLUMNS)).join_from(
    feeds, users, feeds.c.made_by == users.c.id
)


class FeedQueries(Queries):
    """`FeedStore` of the coordinator's ports."""

    async def add_feed(
        self, feed: Feed, token_hash: bytes, *, most: int, most_own: int | None = None
    ) -> bool:
        """Store a new feed, unless there are `most`, or its maker has `most_own`, in use.

        Whether it was stored. Of several at once no more are stored than that.
        """
        values = {c.name: getattr(feed, c.name) for c in _COLUMNS}
        values |= {"kind": feed.kind.value, "token_hash": token_hash}
        in_use = select(func.count()).select_from(feeds).where(feeds.c.revoked_at.is_(None))
        async with self._database.write() as connection:
            await self._alone(connection, FEEDS_LOCK)
            if (await connection.execute(in_use)).scalar_one() >= most:
                return False
            own = in_use.where(feeds.c.made_by == feed.made_by)
            if most_own is not None and (await connection.execute(own)).scalar_one() >= most_own:
                return False
            await connection.execute(insert(feeds).values(**values))
        return True

    async def feeds(self) -> Sequence[tuple[Feed, User]]:
        """Every feed that was not revoked, the newest first, and who made it, as they are now."""
        statement = _WITH_MAKER.where(feeds.c.revoked_at.is_(None))
        async with self._database.read() as connection:
            ordered = statement.order_by(feeds.c.made_at.desc(), feeds.c.id)
            return [_with_maker(row) for row in await rows(connection, ordered)]

    async def feed_by_token(self, token_hash: bytes) -> tuple[Feed, User] | None:
        """The feed with this token, revoked or not, and who made it, as they are now; or None."""
        statement = _WITH_MAKER.where(feeds.c.token_hash == token_hash)
        async with self._database.read() as connection:
            found = await rows(connection, statement)
        return _with_maker(found[0]) if found else None

    async def change_feed(
        self,
        feed: str,
        *,
        token_hash: bytes | None = None,
        made_by: UserId | None = None,
        used_at: datetime | None = None,
        revoked_at: datetime | None = None,
    ) -> bool:
        """Set what is given of a feed that was not revoked; whether there is such a feed."""
        given = {
            "token_hash": token_hash, "made_by": made_by, "used_at": used_at,
            "revoked_at": revoked_at,
        }  # fmt: skip
        values = {name: value for name, value in given.items() if value is not None}
        statement = (
            update(feeds).where(feeds.c.id == feed, feeds.c.revoked_at.is_(None)).values(**values)
        )
        async with self._database.write() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def feed_lessons(
        self, kind: FeedKind, target: str, first: date, last: date
    ) -> Sequence[Occurrence]:
        """Lessons of `[first, last]` the feed is about, withdrawn ones too, by start then id."""
        where = occurrences.c.date.between(first, last) & _about(kind, target)
        async with self._database.read() as connection:
            found = await load_occurrences(connection, where)
            if kind is not FeedKind.CLASSROOM:
                people = {target}
                if kind is FeedKind.SCHOOL:
                    own = select(teachers.c.id).where(teachers.c.school == target)
                    people = {row.id for row in await rows(connection, own)}
                given_away = await self._given_away(connection, people, first, last)
                missing = given_away - {o.id for o in found}
                for chunk in in_chunks(sorted(missing)):
                    found += await load_occurrences(connection, occurrences.c.id.in_(chunk))
        return found

    async def lessons_by_id(self, ids: Iterable[OccurrenceId]) -> Sequence[Occurrence]:
        """Those of these lessons there are."""
        found: list[Occurrence] = []
        async with self._database.read() as connection:
            for chunk in in_chunks(sorted(ids)):
                found += await load_occurrences(connection, occurrences.c.id.in_(chunk))
        return found

    async def marks_of(self, ids: Iterable[OccurrenceId]) -> Mapping[OccurrenceId, Marks]:
        """What the history of each of these lessons says; nothing of those without one."""
        history = occurrence_history
        marks: dict[OccurrenceId, Marks] = {}
        async with self._database.read() as connection:
            for chunk in in_chunks(sorted(ids)):
                here = history.c.occurrence.in_(chunk)
                former: dict[str, list[TeacherId]] = defaultdict(list)
                others = select(history.c.occurrence, history.c.old).where(here, _OTHER_PEOPLE)
                for row in await rows(connection, others.order_by(history.c.seq)):
                    former[row.occurrence] += _once(row.old)
                changed = func.sum(case((history.c.kind == Happening.CREATED.value, 0), else_=1))
                counted = (
                    select(
                        history.c.occurrence, changed.label("n"), func.max(history.c.at).label("at")
                    )
                    .where(here)
                    .group_by(history.c.occurrence)
                )
                for row in await rows(connection, counted):
                    people = tuple(dict.fromkeys(former[row.occurrence]))
                    marks[row.occurrence] = Marks(int(row.n), row.at, people)
        return marks

    async def _given_away(
        self, connection: AsyncConnection, people: Collection[str], first: date, last: date
    ) -> set[OccurrenceId]:
        """Lessons these teachers would give or meet in had nobody changed that."""
        statement = (
            select(occurrence_history.c.occurrence, occurrence_history.c.old)
            .join_from(occurrence_history, occurrences)
            .where(_OTHER_PEOPLE, occurrences.c.date.between(first, last))
        )
        found = await rows(connection, statement)
        return {row.occurrence for row in found if not set(_once(row.old)).isdisjoint(people)}


# What took a lesson from somebody: a substitute, or a session's invitations changed.
_OTHER_PEOPLE: Final = or_(
    occurrence_history.c.kind == Happening.SUBSTITUTED.value,
    and_(
        occurrence_history.c.kind == Happening.CHANGED.value,
        occurrence_history.c.occurrence.in_(
            select(occurrences.c.id).where(occurrences.c.mode == Mode.RESEARCH.value)
        ),
    ),
)


def _once(old: Mapping[str, Any]) -> list[TeacherId]:
    """Who gave or was invited to a lesson before what `old` is of."""
    return [*([old["teacher"]] if "teacher" in old else ()), *old.get("participants", ())]


def _about(kind: FeedKind, target: str) -> ColumnElement[bool]:
    lesson = occurrences.c
    if kind is FeedKind.CLASSROOM:
        seated = select(seats.c.occurrence).where(seats.c.classroom == target)
        return or_(lesson.host_classroom == target, lesson.id.in_(seated))
    if kind is FeedKind.SCHOOL:
        rooms = select(classrooms.c.id).where(classrooms.c.school == target)
        seated = select(seats.c.occurrence).where(seats.c.classroom.in_(rooms))
        people = select(teachers.c.id).where(teachers.c.school == target)
        meets = select(participants.c.occurrence).where(participants.c.teacher.in_(people))
        return or_(lesson.host_school == target, lesson.id.in_(seated), lesson.id.in_(meets))
    helped = select(seats.c.occurrence).where(seats.c.assistant == target)
    meets = select(participants.c.occurrence).where(participants.c.teacher == target)
    return or_(lesson.host_teacher == target, lesson.id.in_(helped), lesson.id.in_(meets))


def _with_maker(row: Any) -> tuple[Feed, User]:
    values = {c.name: getattr(row, c.name) for c in _COLUMNS}
    maker = {c.name: getattr(row, f"maker_{c.name}") for c in USER_COLUMNS}
    return Feed(**values | {"kind": FeedKind(row.kind)}), user_of(maker)
