"""Calendar feeds: who may have one, their secret addresses, and what each shows now."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from ..domain.accounts import Role, User
from ..domain.feeds import MAX_MOVES, Event, Feed, FeedId, FeedKind, events_of, moved_ends
from ..domain.ids import ClassroomId, SchoolId, TeacherId
from ..domain.problems import ProblemError, ProblemKind
from ..domain.roster import Roster
from .accounts import token_hash
from .plan_ports import FeedStore
from .roster import RosterService
from .services import Clock

log = structlog.get_logger(__name__)

TOKEN_BYTES: Final = 32
# token_urlsafe(32) is 43 letters; whatever is much longer is not ours and costs no query.
MAX_TOKEN: Final = 64
MAX_LABEL: Final = 60
MAX_FEEDS: Final = 5000  # every room, teacher and school of a city, some of them twice
MAX_OWN_FEEDS: Final = 10
# A year of the busiest host school; beyond it the lessons nearest to now are shown.
MAX_EVENTS: Final = 6000
# How long what is past stays, where no term says so: programs that keep it need it no more.
PAST: Final = timedelta(days=60)
FUTURE: Final = timedelta(days=400)
# Calendar programs ask every few minutes; to know who still uses an address, an hour is enough.
USED_STEP: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class FeedView:
    """What a feed shows. `name` is what its calendar is called."""

    feed: Feed
    name: str
    events: tuple[Event, ...]


class FeedService:
    """Makes, renews and revokes feeds, and answers for them."""

    def __init__(
        self, store: FeedStore, *, roster: RosterService, clock: Clock, zone: ZoneInfo
    ) -> None:
        self._store = store
        self._roster = roster
        self._clock = clock
        self._zone = zone

    async def feeds_for(self, user: User) -> Sequence[tuple[Feed, bool]]:
        """The feeds a person may see: an administrator all, others those they made.

        Each with whether its address is answered now (see `by_token`).
        """
        feeds = await self._store.feeds()
        return [(f, _answered(maker, f)) for f, maker in feeds if _may(user, f)]

    async def make(
        self, kind: FeedKind, target: str, *, language: str, label: str, user: User
    ) -> tuple[Feed, str]:
        """A new feed and its token, which is told once and never again.

        Raises ProblemError `feed_forbidden`, `feed_target`, `feed_language`, `feed_label` or
        `too_many_feeds`.
        """
        if name_of(kind, target, self._roster.current()) is None:
            raise ProblemError(
                "feed_target",
                f"名册里没有“{target[:40]}”。请重新选择教室、教师或学校。",
                f"There is no {target[:40]!r} in the roster. Choose from the lists.",
                field="target",
                value=target[:100],
            )
        if user.role is not Role.ADMIN and not _own(user, kind, target):
            raise _forbidden()
        if language not in ("zh", "en"):
            raise ProblemError(
                "feed_language",
                "语言只能是中文（zh）或英文（en）。",
                "The language is zh or en.",
                field="language",
                value=language[:20],
            )
        if len(label) > MAX_LABEL or not label.isprintable():
            raise ProblemError(
                "feed_label",
                f"用途最多 {MAX_LABEL} 个字，不能换行。",
                f"The use has at most {MAX_LABEL} characters on one line.",
                field="label",
                value=label[:100],
            )
        token = secrets.token_urlsafe(TOKEN_BYTES)
        feed = Feed(
            FeedId(secrets.token_hex(8)), kind, target, language, label.strip(), user.id,
            self._clock(),
        )  # fmt: skip
        own = None if user.role is Role.ADMIN else MAX_OWN_FEEDS
        if not await self._store.add_feed(feed, token_hash(token), most=MAX_FEEDS, most_own=own):
            raise ProblemError(
                "too_many_feeds",
                "日历地址太多了。请先停用不再使用的。",
                "There are too many calendar addresses. End those no longer used first.",
                kind=ProblemKind.CONFLICT,
            )
        log.info("feed.made", feed=feed.id, kind=kind.value, target=target, by=user.id)
        return feed, token

    async def renew(self, feed: str, *, user: User) -> tuple[Feed, str]:
        """A new token for a feed; the old address ends at once.

        A feed that had stopped with its maker is from now on that of whoever renews it.
        """
        found, maker = await self._found(feed, user)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        heir = None if _answered(maker, found) else user.id
        if not await self._store.change_feed(found.id, token_hash=token_hash(token), made_by=heir):
            raise _unknown(feed)
        log.info("feed.renewed", feed=found.id, by=user.id)
        return replace(found, made_by=heir or found.made_by), token

    async def revoke(self, feed: str, *, user: User) -> None:
        """End a feed; its address says so from now on."""
        found, _ = await self._found(feed, user)
        await self._store.change_feed(found.id, revoked_at=self._clock())
        log.info("feed.revoked", feed=found.id, by=user.id)

    async def by_token(self, token: str) -> Feed:
        """The feed with this token, whose use is noted.

        Raises ProblemError `feed_unknown`, `feed_revoked` for one that was ended, `feed_stopped`
        while whoever made it may not see it: an address outlives no account and no role.
        """
        if not 0 < len(token) <= MAX_TOKEN:
            raise _no_such_address()
        found = await self._store.feed_by_token(token_hash(token))
        if found is None:
            raise _no_such_address()
        feed, maker = found
        if feed.revoked_at is not None:
            raise ProblemError(
                "feed_revoked",
                "这个日历地址已停用。请在“我的账号”或“日历订阅”里取得新的地址。",
                "This calendar address was ended. Get a new one on the pages.",
                kind=ProblemKind.NOT_FOUND,
            )
        if not _answered(maker, feed):
            raise ProblemError(
                "feed_stopped",
                "取得这个日历地址的账号已停用，或不再有权查看。请用有效的账号取得新的地址。",
                "The account that got this calendar address was disabled, or may not see it any"
                " more. Get a new one with an account that may.",
                kind=ProblemKind.NOT_FOUND,
            )
        now = self._clock()
        if feed.used_at is None or now - feed.used_at >= USED_STEP:
            await self._store.change_feed(feed.id, used_at=now)
            feed = replace(feed, used_at=now)
        return feed

    async def view(self, feed: Feed) -> FeedView:
        """What the feed shows now."""
        roster = self._roster.current()
        now = self._clock()
        first, last = window(roster, now.astimezone(self._zone).date())
        found = await self._store.feed_lessons(feed.kind, feed.target, first, last)
        lessons = {o.id: o for o in found}
        for _ in range(MAX_MOVES):
            missing = moved_ends(lessons.values()) - lessons.keys()
            more = await self._store.lessons_by_id(missing) if missing else ()
            if not more:
                break
            lessons |= {o.id: o for o in more}
        marks = await self._store.marks_of(lessons)
        name = name_of(feed.kind, feed.target, roster) or feed.target

        def shown() -> tuple[Event, ...]:
            return _nearest(events_of(feed.kind, feed.target, lessons, marks, roster), now)

        # A school's year is thousands of lessons, and its calendars ask every few minutes.
        return FeedView(feed, name, await asyncio.to_thread(shown))

    async def _found(self, feed: str, user: User) -> tuple[Feed, User]:
        for known, maker in await self._store.feeds():
            if known.id == feed and _may(user, known):
                return known, maker
        raise _unknown(feed)


def window(roster: Roster, today: date) -> tuple[date, date]:
    """The days a feed shows: whole terms, so that it does not change from day to day; around today
    where no term is near."""
    terms = [
        t
        for t in roster.terms.values()
        if t.last_day >= today - PAST and t.first_day <= today + FUTURE
    ]
    if not terms:
        return today - PAST, today + FUTURE
    return min(t.first_day for t in terms), max(t.last_day for t in terms)


def name_of(kind: FeedKind, target: str, roster: Roster) -> str | None:
    """What a feed's calendar is called, or None if the roster has no such thing."""
    if kind is FeedKind.SCHOOL:
        school = roster.schools.get(SchoolId(target))
        return None if school is None else school.name
    if kind is FeedKind.TEACHER:
        teacher = roster.teachers.get(TeacherId(target))
        return None if teacher is None else f"{roster.schools[teacher.school].name} {teacher.name}"
    room = roster.classrooms.get(ClassroomId(target))
    return None if room is None else f"{roster.schools[room.school].name} {room.name}"


def _nearest(events: tuple[Event, ...], now: datetime) -> tuple[Event, ...]:
    if len(events) <= MAX_EVENTS:
        return events
    near = sorted(events, key=lambda e: abs(e.occurrence.starts_at - now))[:MAX_EVENTS]
    return tuple(sorted(near, key=lambda e: (e.occurrence.starts_at, e.uid)))


def _own(user: User, kind: FeedKind, target: str) -> bool:
    return kind is FeedKind.TEACHER and user.teacher is not None and user.teacher == target


def _may(user: User, feed: Feed) -> bool:
    return user.role is Role.ADMIN or (
        feed.made_by == user.id and _own(user, feed.kind, feed.target)
    )


def _answered(maker: User, feed: Feed) -> bool:
    """Whether the address is answered: only while whoever made it may see it."""
    return maker.disabled_at is None and _may(maker, feed)


def _forbidden() -> ProblemError:
    return ProblemError(
        "feed_forbidden",
        "您只能订阅自己的课表。其他日历请找管理员。",
        "You may subscribe to your own timetable only; ask an administrator for others.",
        kind=ProblemKind.FORBIDDEN,
        field="target",
    )


def _unknown(feed: str) -> ProblemError:
    return ProblemError(
        "feed_unknown",
        "没有这个日历地址，它可能已停用。请刷新页面。",
        "There is no such calendar address; it may have been ended. Reload the page.",
        kind=ProblemKind.NOT_FOUND,
        value=feed[:40],
    )


def _no_such_address() -> ProblemError:
    return ProblemError(
        "feed_unknown",
        "没有这个日历地址。请检查是否复制完整，或取得新的地址。",
        "There is no calendar at this address. Check that it was copied whole, or get a new one.",
        kind=ProblemKind.NOT_FOUND,
    )
