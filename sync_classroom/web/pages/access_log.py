"""Who looked at figures or took them away: by person and day, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from aiohttp import web

from ...coordinator.meeting_recording import READ as PLAYED
from ...coordinator.study import READ as STUDIED
from ...coordinator.watching import LOOKED_IN, WATCHED
from ...domain.accounts import AccessEntry
from ...domain.ids import ClassroomId, SchoolId
from ..i18n import mark
from .forms import parse_day
from .frame import Frame
from .route import ADMIN, PageRoute

ENTRIES_PER_PAGE: Final = 100
WHAT_WORDS: Final = {
    "coverage.page": mark("查看覆盖"),
    "coverage.api": mark("由接口读取覆盖"),
    "report.fetch": mark("下载报告文件"),
    "facts.post": mark("提交事实"),
    STUDIED: mark("看课：播放录像"),
    PLAYED: mark("教研：播放录像"),
    "resource.read": mark("打开或下载资源"),
    "resource.add": mark("添加资源"),
    "resource.describe": mark("修改资源说明"),
    "resource.delete": mark("删除资源"),
    "document.give": mark("给课次添加文档"),
    "document.remove": mark("删除课次的文档"),
    WATCHED: mark("巡课：看各教室画面"),
    LOOKED_IN: mark("巡课：进入课堂"),
}
# Where what an entry is about has its page; its id stands before the first slash.
_PAGES: Final = {
    "report.fetch": "/coverage/reports/",
    "resource.read": "/library/",
    "resource.add": "/library/",
    "resource.describe": "/library/",
    "resource.delete": "/library/",
    "document.give": "/lessons/",
    "document.remove": "/lessons/",
    WATCHED: "/lessons/",
    LOOKED_IN: "/lessons/",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One entry with its person and its kind in words; `href` is empty where there is no page."""

    entry: AccessEntry
    who: str
    what: str
    place: str
    href: str


async def show(request: web.Request) -> web.StreamResponse:
    """A page of the log; `?who=&day=` narrow it, `?before=` is the entry it goes on from."""
    frame = Frame.of(request)
    query = request.query
    users = await frame.services.store.users()
    names = {u.login: u.name for u in users}
    who = query.get("who", "")[:96]
    day = parse_day(query.get("day", ""))
    complaint = (
        frame.t("日期要写成 2026-11-23 的样子。") if query.get("day") and day is None else None
    )
    begins = datetime.combine(day, time(), frame.services.zone) if day else None
    text = query.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    found = await frame.services.coverage.accesses(
        actor=who or None,
        before=before,
        from_at=begins,
        to_at=begins + timedelta(days=1) if begins else None,
        limit=ENTRIES_PER_PAGE + 1,
    )
    shown = found[:ENTRIES_PER_PAGE]
    return frame.render(
        "access_log.html",
        problem=complaint,
        rows=[_row(frame, e, names) for e in shown],
        people=sorted((u.login, u.name) for u in users),
        who=who,
        day=day,
        filtered=bool(who or day),
        first_page=before is None,
        latest=frame.link(before=None),
        older=frame.link(before=shown[-1].seq) if len(found) > len(shown) else None,
    )


def _row(frame: Frame, entry: AccessEntry, names: Mapping[str, str]) -> Row:
    """An entry in words; what it is about ends with a place's id where it is about one."""
    roster = frame.roster
    ident = entry.target.rpartition(" ")[2]
    place = roster.schools.get(SchoolId(ident))
    room = roster.classrooms.get(ClassroomId(ident))
    said = (
        place.name if place else f"{roster.schools[room.school].name} {room.name}" if room else ""
    )
    page = _PAGES.get(entry.what)
    return Row(
        entry,
        names.get(entry.actor, entry.actor),
        WHAT_WORDS.get(entry.what, entry.what),
        said,
        page + entry.target.partition("/")[0] if page else "",
    )


ROUTES = (PageRoute("access-log", "GET", "/access-log", show, ADMIN),)
