"""A calendar by its secret address: for programs, for nobody's cache, and told when it is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import icalendar
import pytest

from sync_classroom.cli.logs import configure_logs
from sync_classroom.coordinator.throttle import FEED_BY_ADDRESS, FEED_USE
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.edits import CancelLesson, MoveLesson, Place, RestoreLesson
from sync_classroom.domain.feeds import FeedKind
from sync_classroom.domain.ids import OccurrenceId, TermId
from sync_classroom.domain.timetable import Change, ChangeKind
from sync_classroom.setting_tables import LogSettings
from sync_classroom.web.feed_file import feed_url
from tests.support.pages import office
from tests.support.plan_changes import changing
from tests.support.plans import at
from tests.support.timetable_files import HEADINGS, MATHS, workbook
from tests.support.web import Site, body_of

pytestmark = pytest.mark.asyncio


async def _path(served: Site, target: str = "remote-1-r1", language: str = "zh") -> str:
    _, token = await served.services.feeds.make(
        FeedKind.CLASSROOM, target, language=language, label="", user=served.users[Role.ADMIN]
    )
    return feed_url("", token)


async def _cancel(served: Site, ident: str, clock: str) -> None:
    old = await served.store.get_occurrence(OccurrenceId(ident))
    assert old is not None
    change = Change(ChangeKind.CANCELLED, at(clock), "a", "停电")
    new = replace(old, changes=(change,))
    await served.store.change_plan(changing(old, new, key=f"{ident}-x", now=at(clock)), gap_s=0)


async def test_calendar_is_served_without_a_session(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await served.ask("GET", await _path(served))
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
        assert answer.headers["Cache-Control"] == "private, no-cache"
        calendar = icalendar.Calendar.from_ical(body_of(answer))
        assert str(calendar["x-wr-calname"]) == "学校 remote-1 1号直播教室"
        assert [str(e["uid"]) for e in calendar.walk("VEVENT")] == [
            "english@127.0.0.1", "maths@127.0.0.1",
        ]  # fmt: skip


async def test_known_calendar_is_not_sent_again_until_it_changes(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        path = await _path(served)
        first = await served.ask("GET", path)
        tag = first.headers["ETag"]
        served.clock.turn(minutes=30)
        for known in (tag, f'"x", W/{tag}', "*"):
            again = await served.ask("GET", path, headers={"If-None-Match": known})
            assert (again.status, body_of(again), again.headers["ETag"]) == (304, b"", tag)
        await _cancel(served, "maths", "10:10")
        changed = await served.ask("GET", path, headers={"If-None-Match": tag})
        assert changed.status == 200
        assert changed.headers["ETag"] != tag
        events = icalendar.Calendar.from_ical(body_of(changed)).walk("VEVENT")
        assert [(str(e["uid"]), str(e["status"]), e["sequence"]) for e in events] == [
            ("english@127.0.0.1", "CONFIRMED", 0), ("maths@127.0.0.1", "CANCELLED", 1),
        ]  # fmt: skip
        assert events[1]["last-modified"].dt == at("10:10")


async def test_head_is_get_without_the_calendar(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        path = await _path(served)
        whole, head = await served.ask("GET", path), await served.ask("HEAD", path)
        assert (head.status, body_of(head)) == (200, b"")
        for name in ("ETag", "Content-Type", "Content-Length", "Cache-Control"):
            assert head.headers[name] == whole.headers[name]


async def test_unknown_and_ended_addresses_are_problems_for_programs(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        admin = served.users[Role.ADMIN]
        unknown = await served.ask("GET", "/feeds/nobody-knows.ics")
        assert (unknown.status, (await unknown.json())["code"]) == (404, "feed_unknown")
        path = await _path(served)
        ((feed, _),) = await served.services.feeds.feeds_for(admin)
        await served.services.feeds.revoke(feed.id, user=admin)
        ended = await served.ask("GET", path)
        assert (ended.status, (await ended.json())["code"]) == (404, "feed_revoked")


async def test_guessing_is_slowed_down_and_schools_are_not(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        path = await _path(served)
        for _ in range(FEED_BY_ADDRESS.burst):
            assert (await served.ask("GET", "/feeds/guess.ics")).status == 404
        refused = await served.ask("GET", "/feeds/guess.ics")
        assert refused.status == 429
        assert int(refused.headers["Retry-After"]) >= 1
        assert path


async def test_one_calendar_is_not_asked_for_all_the_time(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        path = await _path(served, "remote-8-r6")
        for _ in range(FEED_USE.burst):
            assert (await served.ask("HEAD", path)).status == 200
        assert (await served.ask("GET", path)).status == 429
        assert (await served.ask("GET", await _path(served, "remote-8-r5"))).status == 200


async def test_feed_speaks_its_own_language(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await _cancel(served, "maths", "10:10")
        answer = await served.ask("GET", await _path(served, language="en"))
        assert "SUMMARY:Cancelled: 数学" in (await answer.text())


async def test_imported_lesson_moves_goes_and_comes_back_as_one_event(tmp_path: Path) -> None:
    """The way of a lesson through everything: file, draft, publication, changes, calendar."""
    term = TermId("2026-autumn")
    async with office(tmp_path) as served:
        user = served.users[Role.ADMIN].id
        upload = await served.services.imports.take(
            workbook([HEADINGS, MATHS]), name="x", term=term, user=user
        )
        await served.services.imports.commit(upload.token, user=user, actor=user, key="i", seen=0)
        timetable = served.services.timetable
        await timetable.publish(term, seen=1, note="开学", actor=user, key="p")
        path = await _path(served, "remote-3-r4")

        async def events() -> dict[str, tuple[str, int, object]]:
            data = body_of(await served.ask("GET", path))
            return {
                str(e["uid"]): (str(e["status"]), int(e["sequence"]), e.start)
                for e in icalendar.Calendar.from_ical(data).walk("VEVENT")
            }

        first = await events()
        assert len(first) == 5
        uid = min(first)
        ident = OccurrenceId(uid.partition("@")[0])
        status, sequence, starts = first[uid]
        assert (status, sequence, starts) == ("CONFIRMED", 0, at("09:00", "2026-12-02"))

        place = Place(date(2026, 12, 3), period=1)
        moved = await timetable.amend(MoveLesson(ident, place, "调"), actor=user, key="m")
        second = await events()
        assert second.keys() == first.keys()
        assert second[uid][0] == "CONFIRMED"
        assert second[uid][1] > sequence
        assert second[uid][2] == at("08:10", "2026-12-03")

        await timetable.amend(CancelLesson(moved.id, "停电"), actor=user, key="c")
        third = await events()
        assert (third[uid][0], third[uid][1] > second[uid][1]) == ("CANCELLED", True)
        await timetable.amend(RestoreLesson(moved.id), actor=user, key="r")
        fourth = await events()
        assert (fourth[uid][0], fourth[uid][1] > third[uid][1]) == ("CONFIRMED", True)
        await timetable.amend(RestoreLesson(ident), actor=user, key="r2")
        fifth = await events()
        assert fifth[uid] == ("CONFIRMED", fifth[uid][1], starts)
        assert fifth[uid][1] > fourth[uid][1]
        assert {k: v for k, v in fifth.items() if k != uid} == {
            k: v for k, v in first.items() if k != uid
        }


@pytest.mark.parametrize("log", [LogSettings(), LogSettings(format="json")])
async def test_address_is_in_no_log_when_it_fails(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    log: LogSettings,
) -> None:
    configure_logs(log)
    async with office(tmp_path) as served:
        path = await _path(served)

        async def broken(feed: object) -> None:
            raise RuntimeError("disk on fire")

        monkeypatch.setattr(type(served.services.feeds), "view", lambda self, feed: broken(feed))
        assert (await served.ask("GET", path)).status == 500
    printed = "".join(capsys.readouterr())
    assert "disk on fire" in printed
    assert "/feeds/{token}.ics" in printed
    assert path.removeprefix("/feeds/").removesuffix(".ics") not in printed
