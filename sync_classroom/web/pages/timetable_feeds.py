"""Calendar feeds: whose timetable, in which language, and the secret address, shown once."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ...coordinator.feeds import MAX_LABEL, name_of
from ...domain.accounts import Role
from ...domain.feeds import Feed, FeedKind
from ...domain.problems import ProblemError
from ..feed_file import feed_url
from ..i18n import mark
from ..problems import STATUS_OF
from .forms import Form
from .frame import Frame, posted, see_other
from .route import SCHOOL, PageRoute

KIND_WORDS: Final = {
    FeedKind.CLASSROOM: mark("教室"),
    FeedKind.TEACHER: mark("教师"),
    FeedKind.SCHOOL: mark("学校"),
}
LANGUAGES: Final = (("zh", "中文"), ("en", "English"))
_FIELDS: Final = frozenset({"target", "language", "label"})


async def show(request: web.Request) -> web.StreamResponse:
    """The feeds there are, and the form for another."""
    frame = Frame.of(request)
    return await _page(frame, Form.filled(language=frame.tongue.code))


async def make(request: web.Request) -> web.StreamResponse:
    """Make a feed and show its address, this once."""
    frame = Frame.of(request)
    form = await posted(request)
    kind, _, target = form.text("target").partition(":")
    try:
        feed, token = await frame.services.feeds.make(
            _kind(kind),
            target,
            language=form.text("language") or "zh",
            label=form.text("label"),
            user=frame.user,
        )
    except ProblemError as problem:
        form.wrong(problem.field if problem.field in _FIELDS else "form", frame.say(problem))
        return await _page(frame, form, status=STATUS_OF[problem.kind])
    return await _page(frame, Form.filled(language=feed.language), made=(feed, token))


async def renew(request: web.Request) -> web.StreamResponse:
    """Give a feed a new address; the old one ends at once."""
    frame = Frame.of(request)
    feed, token = await frame.services.feeds.renew(request.match_info["feed"], user=frame.user)
    return await _page(frame, Form.filled(language=feed.language), made=(feed, token))


async def revoke(request: web.Request) -> web.StreamResponse:
    """End a feed."""
    frame = Frame.of(request)
    await frame.services.feeds.revoke(request.match_info["feed"], user=frame.user)
    return see_other("/timetable/feeds", done="feed-revoked")


def _kind(text: str) -> FeedKind:
    # Whatever is no kind is nobody's id either: the target is then refused by name.
    return FeedKind(text) if text in list(FeedKind) else FeedKind.SCHOOL


async def _page(
    frame: Frame, form: Form, *, made: tuple[Feed, str] | None = None, status: int = 200
) -> web.Response:
    feeds = await frame.services.feeds.feeds_for(frame.user)
    url = None if made is None else feed_url(frame.services.settings.public_url, made[1])
    return frame.render(
        "timetable_feeds.html",
        status=status,
        problem=form.errors.get("form"),
        form=form,
        feeds=[(f, _name(frame, f), answered) for f, answered in feeds],
        kind_words=KIND_WORDS,
        languages=[(None, list(LANGUAGES))],
        language_names=dict(LANGUAGES),
        made=None if made is None else _name(frame, made[0]),
        url=url,
        webcal=None if url is None else "webcal" + url[url.index("://") :],
        targets=_targets(frame),
        label_max=MAX_LABEL,
    )


def _name(frame: Frame, feed: Feed) -> str:
    return name_of(feed.kind, feed.target, frame.roster) or feed.target


def _targets(frame: Frame) -> list[tuple[str, list[tuple[str, str]]]]:
    """What a person may subscribe to, by kind and school, for a list."""
    roster = frame.roster
    if not frame.may(Role.ADMIN):
        own = next((t for t in roster.teachers.values() if t.id == frame.user.teacher), None)
        return (
            [] if own is None else [(frame.t(mark("我的课表")), [(f"teacher:{own.id}", own.name)])]
        )
    groups = [
        (
            frame.t(KIND_WORDS[FeedKind.SCHOOL]),
            [(f"school:{s.id}", s.name) for s in roster.schools.values()],
        )
    ]
    for kind, things in (
        (FeedKind.CLASSROOM, list(roster.classrooms.values())),
        (FeedKind.TEACHER, list(roster.teachers.values())),
    ):
        for school in roster.schools.values():
            mine = [(f"{kind.value}:{x.id}", x.name) for x in things if x.school == school.id]
            if mine:
                groups.append((f"{school.name} · {frame.t(KIND_WORDS[kind])}", mine))
    return groups


ROUTES = (
    PageRoute("timetable-feeds", "GET", "/timetable/feeds", show, SCHOOL),
    PageRoute("timetable-feeds-make", "POST", "/timetable/feeds", make, SCHOOL),
    PageRoute("timetable-feeds-renew", "POST", "/timetable/feeds/{feed}/renew", renew, SCHOOL),
    PageRoute("timetable-feeds-revoke", "POST", "/timetable/feeds/{feed}/revoke", revoke, SCHOOL),
)
