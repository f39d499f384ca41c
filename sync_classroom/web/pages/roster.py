"""The roster as it is: schools, classrooms, classes, teachers, bell sets, terms. Read only."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ...domain.accounts import Role
from ...domain.ids import SchoolId
from ...domain.roster import SchoolRole
from ..i18n import mark
from .frame import Frame
from .lesson_form import in_use
from .route import PageRoute

SECTIONS: Final = ("schools", "classrooms", "classes", "teachers", "bells", "terms")
ROLE_NAMES: Final = {SchoolRole.HOST: mark("主讲校"), SchoolRole.REMOTE: mark("受援校")}
READERS: Final = frozenset({Role.ADMIN, Role.OPERATOR, Role.REVIEWER})


async def show(request: web.Request) -> web.StreamResponse:
    """One section (`?show=`) of the roster, of one school with `?school=`."""
    frame = Frame.of(request)
    roster = frame.roster
    section = request.query.get("show", "schools")
    if section not in SECTIONS:
        section = "schools"
    school = SchoolId(request.query.get("school", ""))
    only = school if school in roster.schools else None
    # Long lists are one school's at a time unless asked otherwise; the rest fit a page whole.
    shown = [s for s in roster.schools.values() if only is None or s.id == only]
    return frame.render(
        "roster.html",
        section=section,
        sections=[(code, frame.link(show=code), code == section) for code in SECTIONS],
        schools=roster.schools.values(),
        shown=shown,
        only=only or "",
        roster=roster,
        role_names=ROLE_NAMES,
        rooms={s.id: [c for c in roster.classrooms.values() if c.school == s.id] for s in shown},
        classes={s.id: [c for c in roster.classes.values() if c.school == s.id] for s in shown},
        teachers={s.id: [t for t in roster.teachers.values() if t.school == s.id] for s in shown},
        bells={s.id: [b for b in roster.bell_sets.values() if b.school == s.id] for s in shown},
        in_use=lambda room: in_use(room, frame.today),
        today=frame.today,
    )


ROUTES = (PageRoute("roster", "GET", "/roster", show, READERS),)
