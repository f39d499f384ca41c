"""Who may have a feed, what its address is worth, and what it shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from sync_classroom.coordinator import feeds as module
from sync_classroom.coordinator.feeds import MAX_OWN_FEEDS, FeedService, name_of, window
from sync_classroom.domain.accounts import Role, User
from sync_classroom.domain.feeds import FeedKind
from sync_classroom.domain.ids import OccurrenceId, TeacherId, TermId
from sync_classroom.domain.problems import ProblemError, ProblemKind
from sync_classroom.domain.roster import Term
from sync_classroom.domain.timetable import Change, ChangeKind
from tests.support.pages import office
from tests.support.plan_changes import book, changing
from tests.support.plans import at, lesson
from tests.support.rosters import programme
from tests.support.web import PASSWORD, Site, stored_bytes

ROOM = FeedKind.CLASSROOM


async def _made(served: Site, user: User | None = None, **changes: str) -> tuple[str, str]:
    kind = FeedKind(changes.pop("kind", "classroom"))
    target = changes.pop("target", "remote-1-r1")
    feed, token = await served.services.feeds.make(
        kind, target, user=user or served.users[Role.ADMIN],
        **({"language": "zh", "label": ""} | changes),
    )  # fmt: skip
    return feed.id, token


async def _refused(served: Site, user: User | None = None, **changes: str) -> str:
    with pytest.raises(ProblemError) as caught:
        await _made(served, user, **changes)
    return caught.value.code


def _teacher(served: Site) -> User:
    return replace(served.users[Role.TEACHER], teacher=TeacherId("host-1-t1"))


@pytest.mark.asyncio
async def test_token_is_told_once_and_stored_as_its_hash(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        _, token = await _made(served, label=" 前台电脑 ")
        feed = await served.services.feeds.by_token(token)
        assert (feed.target, feed.label, feed.used_at) == (
            "remote-1-r1",
            "前台电脑",
            served.clock(),
        )
        data = stored_bytes(tmp_path, "pages.db*")
        assert b"remote-1-r1" in data
        assert token.encode() not in data


@pytest.mark.asyncio
async def test_use_is_noted_once_an_hour(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        _, token = await _made(served)
        first = (await served.services.feeds.by_token(token)).used_at
        served.clock.turn(minutes=59)
        assert (await served.services.feeds.by_token(token)).used_at == first
        served.clock.turn(minutes=1)
        assert (await served.services.feeds.by_token(token)).used_at == served.clock()


@pytest.mark.asyncio
@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 65, "端"])
async def test_address_nobody_was_given_is_unknown(tmp_path: Path, token: str) -> None:
    async with office(tmp_path) as served:
        with pytest.raises(ProblemError) as caught:
            await served.services.feeds.by_token(token)
        assert caught.value.code == "feed_unknown"


@pytest.mark.asyncio
async def test_renewed_and_revoked_addresses_end_at_once(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        feeds, admin = served.services.feeds, served.users[Role.ADMIN]
        ident, old = await _made(served)
        _, new = await feeds.renew(ident, user=admin)
        with pytest.raises(ProblemError) as caught:
            await feeds.by_token(old)
        assert caught.value.code == "feed_unknown"
        assert (await feeds.by_token(new)).id == ident
        await feeds.revoke(ident, user=admin)
        with pytest.raises(ProblemError) as caught:
            await feeds.by_token(new)
        assert caught.value.code == "feed_revoked"
        assert await feeds.feeds_for(admin) == []
        with pytest.raises(ProblemError):
            await feeds.renew(ident, user=admin)


@pytest.mark.asyncio
async def test_teacher_has_feeds_of_their_own_lessons_only(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        teacher = _teacher(served)
        ident, _ = await _made(served, teacher, kind="teacher", target="host-1-t1")
        others, _ = await _made(served)
        assert (
            await _refused(served, teacher, kind="teacher", target="host-1-t2") == "feed_forbidden"
        )
        assert await _refused(served, teacher) == "feed_forbidden"
        assert await _refused(served, served.users[Role.REVIEWER]) == "feed_forbidden"
        feeds = served.services.feeds
        assert [f.id for f, _ in await feeds.feeds_for(teacher)] == [ident]
        assert {f.id for f, _ in await feeds.feeds_for(served.users[Role.ADMIN])} == {ident, others}
        with pytest.raises(ProblemError) as caught:
            await feeds.revoke(others, user=teacher)
        assert caught.value.code == "feed_unknown"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"target": "nowhere"}, "feed_target"),
        ({"kind": "school", "target": "remote-1-r1"}, "feed_target"),
        ({"language": "fr"}, "feed_language"),
        ({"label": "x" * 61}, "feed_label"),
        ({"label": "a\nb"}, "feed_label"),
    ],
)
async def test_what_makes_no_feed_is_named(
    tmp_path: Path, changes: dict[str, str], code: str
) -> None:
    async with office(tmp_path) as served:
        assert await _refused(served, **changes) == code


@pytest.mark.asyncio
async def test_feed_stops_with_the_account_or_the_right_of_whoever_made_it(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        feeds, accounts = served.services.feeds, served.services.accounts
        teacher = await accounts.update_user(
            served.users[Role.TEACHER].id, teacher=TeacherId("host-1-t1")
        )
        _, mine = await _made(served, teacher, kind="teacher", target="host-1-t1")
        _, rooms = await _made(served)
        assert (await feeds.by_token(mine)).made_by == teacher.id
        await accounts.disable(teacher.id)
        assert await _stopped(feeds, mine) == "feed_stopped"
        assert await feeds.by_token(rooms)
        admin = served.users[Role.ADMIN]
        assert sorted(answered for _, answered in await feeds.feeds_for(admin)) == [False, True]
        await accounts.enable(teacher.id)
        assert await feeds.by_token(mine)
        # Another teacher's calendar is none of theirs, nor a room's once they administer no more.
        await accounts.update_user(teacher.id, teacher=TeacherId("host-1-t2"))
        assert await _stopped(feeds, mine) == "feed_stopped"
        await accounts.add_user("second", "Second", Role.ADMIN, PASSWORD)
        await accounts.update_user(admin.id, role=Role.REVIEWER)
        assert await _stopped(feeds, rooms) == "feed_stopped"


@pytest.mark.asyncio
async def test_a_stopped_feed_is_whoevers_who_renews_it(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        feeds, admin = served.services.feeds, served.users[Role.ADMIN]
        ident, token = await _made(served)
        kept, _ = await feeds.renew(ident, user=admin)
        second = await served.services.accounts.add_user("second", "二", Role.ADMIN, PASSWORD)
        same, token = await feeds.renew(ident, user=second)
        assert same.made_by == kept.made_by == admin.id
        await served.services.accounts.disable(admin.id)
        assert await _stopped(feeds, token) == "feed_stopped"
        mine, token = await feeds.renew(ident, user=second)
        assert mine.made_by == second.id
        assert await feeds.by_token(token) == replace(mine, used_at=served.clock())


async def _stopped(feeds: FeedService, token: str) -> str:
    with pytest.raises(ProblemError) as caught:
        await feeds.by_token(token)
    assert caught.value.kind is ProblemKind.NOT_FOUND
    return caught.value.code


@pytest.mark.asyncio
async def test_feeds_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with office(tmp_path) as served:
        teacher = _teacher(served)
        for _ in range(MAX_OWN_FEEDS):
            await _made(served, teacher, kind="teacher", target="host-1-t1")
        assert (
            await _refused(served, teacher, kind="teacher", target="host-1-t1") == "too_many_feeds"
        )
        await _made(served)
        monkeypatch.setattr(module, "MAX_FEEDS", MAX_OWN_FEEDS + 1)
        assert await _refused(served) == "too_many_feeds"


@pytest.mark.asyncio
async def test_view_has_both_ends_of_a_move_out_of_sight(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        old = lesson(
            "o-1", "15:00", "15:40", seats=["remote-5-r2"], room="host-1-r2", teacher="host-1-t2"
        )
        await book(served.store, old, key="o-1", gap_s=0)
        gone = replace(
            old, changes=(Change(ChangeKind.MOVED, at("09:00"), "a", "调", to=OccurrenceId("o-2")),)
        )
        new = lesson(
            "o-2", "15:00", "15:40", day="2027-02-10", seats=["remote-5-r3"], room="host-1-r2",
            teacher="host-1-t2",
        )  # fmt: skip
        await book(served.store, replace(new, moved_from=old.id), key="o-2", gap_s=0)
        await served.store.change_plan(changing(old, gone, key="m", now=at("09:00")), gap_s=0)
        feeds = served.services.feeds
        for target, shown in (
            ("remote-5-r2", [("o-1", "o-1", True, 2)]),
            ("host-1-r2", [("o-1", "o-2", False, 2)]),
        ):
            _, token = await _made(served, target=target)
            view = await feeds.view(await feeds.by_token(token))
            assert view.name == name_of(ROOM, target, programme())
            assert [(e.uid, e.occurrence.id, e.cancelled, e.sequence) for e in view.events] == shown


@pytest.mark.asyncio
async def test_feed_of_too_many_lessons_shows_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_EVENTS", 1)
    async with office(tmp_path) as served:
        _, token = await _made(served)
        feeds = served.services.feeds
        view = await feeds.view(await feeds.by_token(token))
        assert [e.uid for e in view.events] == ["english"]


def test_window_is_whole_terms_and_around_today_without_any() -> None:
    roster = programme()
    assert window(roster, date(2026, 11, 23)) == (date(2026, 9, 1), date(2027, 1, 29))
    assert window(roster, date(2027, 3, 1)) == (date(2026, 9, 1), date(2027, 1, 29))
    far = date(2029, 1, 1)
    assert window(roster, far) == (far - timedelta(days=60), far + timedelta(days=400))
    spring = Term(TermId("s"), "二", date(2027, 3, 1), date(2027, 3, 1), date(2027, 7, 1))
    both = replace(roster, terms={**roster.terms, spring.id: spring})
    assert window(both, date(2026, 11, 23)) == (date(2026, 9, 1), date(2027, 7, 1))


def test_names_say_whose_calendar_it_is() -> None:
    roster = programme()
    assert name_of(FeedKind.SCHOOL, "remote-1", roster) == "学校 remote-1"
    assert name_of(FeedKind.TEACHER, "host-1-t1", roster) == "学校 host-1 1老师"
    assert name_of(FeedKind.TEACHER, "nobody", roster) is None
