"""Every page, for every role that may read it, in both languages: well-formed and reachable."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import TeacherId
from sync_classroom.domain.report import ReportKind
from sync_classroom.domain.timetable import Mode
from sync_classroom.web.pages import page_routes
from sync_classroom.web.pages.route import SIGNED_IN
from sync_classroom.web.static import files
from tests.support.library import added
from tests.support.pages import look, office, send
from tests.support.plan_changes import book
from tests.support.plans import lesson
from tests.support.web import Site
from tests.web.pages.test_pushes import order as _pushed_order

pytestmark = pytest.mark.asyncio

CHINESE = re.compile(r"[\u4e00-\u9fff]")
QUERIES = {
    "/today": ("", "?date=2026-11-24", "?school=remote-3", "?school=remote-8"),
    "/coverage": ("", "?period=week", "?from=2027-05-01&to=2027-05-02", "?school=remote-1",
                  "?school=remote-1&room=remote-1-r2&state=partial", "?state=held&page=99"),
    "/terminals": ("", "?show=offline", "?show=unenrolled"),
    "/roster": tuple(f"?show={s}" for s in
                     ("schools", "classrooms", "classes", "teachers", "bells", "terms")),
    "/calendar": ("", "?school=remote-3", *(f"?show={s}" for s in
                  ("all", "bells", "terms", "edits", "nothing")), "?term=x&school=x"),
    "/timetable": ("", "?show=published", "?show=pattern", "?by=class&id=remote-1-c1"),
    "/people": ("", "?role=teacher"),
    "/lessons/{occurrence}": ("", "?samples=english-s0", "?samples=none"),
}  # fmt: skip
EXAMPLES = {
    "classroom": "remote-1-r1",
    "occurrence": "english", "school": "remote-1", "date": "2026-10-01", "term": "2026-autumn",
    "bells": "remote-1-bells", "session": "s-1",
}  # fmt: skip
NO_PAGES = (
    "/", "/sign-in", "/setup", "/terminal", "/lessons/{occurrence}/recording/{name}",
    # Its address needs a school: test_calendar_forms.py.
    "/calendar/bells/new",
    # Parts of the timetable's page, and what needs a version: test_timetable_*.py.
    "/timetable/editor", "/timetable/places", "/timetable/free", "/timetable/publish",
    "/timetable/coverage", "/timetable/states", "/timetable/versions/{no}",
    "/timetable/import/template.{kind:xlsx|csv}", "/timetable/import/{upload}",
    "/timetable/export.xlsx",
    # For whoever is invited, or has a guest's link; and a file: test_meeting.py, test_minutes.py.
    "/research/{session}/meeting", "/research/guest/{token}", "/research/{session}/minutes.md",
    "/research/{session}/study/{lesson}/{name}", "/research/{session}/materials/{resource}",
    # They need a report or a publication: test_reports.py.
    "/coverage/publications/{no}", "/coverage/reports/{report}",
    "/coverage/reports/{report}/{file}",
)  # fmt: skip


async def _session(served: Site) -> None:
    """A research session that the signed-in teacher leads."""
    session = lesson("s-1", "16:00", "16:50", mode=Mode.RESEARCH, participants=["remote-1-t1"])
    await book(served.store, session, key="s-1", gap_s=0)
    user = served.users[Role.TEACHER].id
    await served.services.accounts.update_user(user, teacher=TeacherId("host-1-t1"))


async def _published(served: Site) -> tuple[str, str]:
    """A report's id, and the number it was published under."""
    reports, day = served.services.reports, date(2026, 11, 23)
    asked = await reports.request(ReportKind.PERIOD, day, day, "zh", (), actor="x", key="x")
    made = await reports.make(asked)
    return made.id, str((await reports.publish(made.id, "", actor="x", key="p")).no)


# Files, and what only a teacher of the receiving school sees (test_push_order.py).
FILES = {"report-file", "resource-file", "push-play", "scores-file", "session-recording-file"}


async def test_every_page_renders_for_every_role_that_may_read_it(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        EXAMPLES["user"] = str(served.users[Role.TEACHER].id)
        EXAMPLES["report"], EXAMPLES["no"] = await _published(served)
        EXAMPLES["resource"] = await added(served)
        EXAMPLES["push"] = (
            await _pushed_order(served, EXAMPLES["resource"], schools="remote-1")
        ).rpartition("/")[2]
        await _session(served)
        seen = 0
        for route in page_routes():
            if route.method != "GET" or route.path in NO_PAGES or route.name in FILES:
                continue
            path = route.path.format(**EXAMPLES)
            for role in sorted(route.roles or SIGNED_IN):
                for query in QUERIES.get(route.path, ("",)):
                    page = await look(served, path + query, role=role)
                    assert len(page.all("h1")) == 1, path
                    assert page.all("a")[0]["href"] == "#main"
                    assert "main" in page.ids
                    seen += 1
        assert seen > 40


async def test_every_page_renders_with_nothing_in_the_database(tmp_path: Path) -> None:
    async with office(tmp_path, empty=True) as served:
        for path in ("/today", "/coverage", "/terminals", "/roster", "/people", "/lessons/new",
                     "/roster?show=terms", "/roster?show=bells", "/account", "/calendar",
                     "/calendar?show=all", "/calendar?show=edits",
                     "/timetable/import", "/timetable/feeds", "/coverage/reports",
                     "/library", "/pushes", "/pushes/new",
                     "/research", "/research/new"):  # fmt: skip
            await look(served, path)


async def test_every_page_says_its_language_and_english_pages_are_english(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/today")
        assert page.all("html")[0]["lang"] == "zh-CN"
        await _session(served)
        await send(served, "/language", {"language": "en", "back": "/today"})
        for path in ("/today", "/coverage", "/terminals", "/roster?show=bells", "/people",
                     "/lessons/new", "/lessons/english", "/account", "/calendar",
                     "/calendar?show=all", "/calendar?show=terms", "/calendar?show=bells",
                     "/calendar?show=edits", "/calendar/days/remote-1/2026-10-10",
                     "/calendar/days/all/2026-10-01", "/calendar/terms/2026-autumn",
                     "/calendar/bells/remote-1-bells",
                     "/timetable/import", "/timetable/feeds", "/coverage/reports",
                     "/library", "/pushes", "/pushes/new", "/research",
                     "/research/new", "/research/s-1", "/research/s-1/edit",
                     "/research/s-1/minutes"):  # fmt: skip
            page = await look(served, path)
            assert page.all("html")[0]["lang"] == "en"
            chrome = re.sub(
                r"(语文|数学|英语|中文|课|班|老师|学校|主讲|学期|节|室|第|号|直播|教|甲|一)",
                "",
                page.text,
            )
            assert CHINESE.findall(chrome) == [], (path, CHINESE.findall(chrome))


async def test_static_files_are_addressed_by_their_content(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/today")
        sources = [str(s["src"]) for s in page.all("script") if "src" in s]
        sheets = [str(s["href"]) for s in page.all("link", rel="stylesheet")]
        assert sources
        assert sheets
        for address in sources + sheets:
            assert address.startswith(f"/static/{files().version}/")
            answer = await served.ask("GET", address)
            assert answer.status == 200


PLACES_FOR_RUBBISH = (
    "/today?school=",
    "/coverage?school=",
    "/coverage?from=",
    "/roster?show=",
    "/calendar?school=",
    "/calendar?show=edits&before=",
    "/lessons/english?samples=",
    "/lessons/new?date=",
    "/terminals?show=",
    "/timetable/import?term=",
)
HOSTILE = '"><script>alert(1)</script>\u202e'


async def test_hostile_text_stays_text(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await send(
            served, "/people",
            {"login": "evil", "name": '<img src=x onerror="a">', "role": "teacher",
             "password": "a good long password", "language": "zh"},
        )  # fmt: skip
        page = await look(served, "/people")
        assert page.all("img") == []
        assert '<img src=x onerror="a">' in page.text
        for path in PLACES_FOR_RUBBISH:
            page = await look(served, path + HOSTILE.replace("<", "%3C").replace(">", "%3E"))
            assert "alert(1)" not in page.text
        answer = await send(served, "/lessons/new", {"title": HOSTILE, "subject": HOSTILE})
        assert "<script>alert" not in await answer.text()
        assert "&lt;script&gt;" in await answer.text()
