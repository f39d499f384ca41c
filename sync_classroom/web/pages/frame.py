"""What surrounds every page: language, navigation, messages, and the answers a page can give."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import jinja2
from aiohttp import web

from ...coordinator.services import Services
from ...domain.accounts import Role, User
from ...domain.problems import ProblemError, ProblemKind
from ...domain.roster import Roster
from ..formats import Format
from ..i18n import HTML_LANG, Tongue, mark, negotiate, tongue
from ..keys import SERVICES, USER
from ..problems import STATUS_OF
from ..static import static_url
from .forms import Form
from .route import SIGNED_IN
from .words import ROLE_WORDS

LANGUAGE_COOKIE: Final = "language"
TEMPLATES: Final = Path(__file__).parent.parent / "templates"
_MACROS: Final = (
    "shape",
    "chip",
    "rate",
    "measure",
    "changed",
    "input",
    "select",
    "error",
    "described",
    "empty",
    "file",
)

# A page that has done something says so once, by a code in the address (`?done=`): no state is
# kept between the redirect and the page, and a reload does nothing twice.
DONE: Final = {
    "lesson": mark("课次已安排，相关教室的终端会马上看到。"),
    "lesson-cancelled": mark("课次已取消，相关教室已收到通知。"),
    "lesson-amended": mark("课次已调整，相关教室和教师会马上看到。"),
    "session": mark("教研已安排，受邀教师会收到通知，日历订阅里也有了。"),
    "session-changed": mark("教研已修改，有关的教师会收到通知。"),
    "session-cancelled": mark("教研已取消，受邀教师会收到通知。"),
    "seat-cancelled": mark("这间教室已从本课次中取消。"),
    "revoked": mark("终端已吊销；这间教室要重新注册才能上课。"),
    "help-taken": mark("已记下由您处理，教室的终端已经看到。"),
    "help-taken-before": mark("这条求助已有人接手。"),
    "user-added": mark("账号已建立，可以登录了。"),
    "user-saved": mark("账号已保存。"),
    "user-disabled": mark("账号已停用，已登录的浏览器也已退出。"),
    "user-enabled": mark("账号已恢复。"),
    "password": mark("密码已更改。"),
    "saved": mark("已保存。"),
    "calendar": mark("校历已改，马上生效；改动已记录。"),
    "report-asked": mark("已开始生成，完成后在下面下载。"),
    "report-published": mark("报告已发布，数字不再改动。"),
    "report-removed": mark("报告已删除。"),
    "restating": mark("已开始重算，结果会列在下面。"),
    "rules": mark("新的一版规则已保存；到生效日期全部课次会重新计算，已发布的报告不变。"),
    "resource-added": mark("资源已放入资源库。"),
    "resource-deleted": mark("资源已删除，删除原因留在记录里。"),
    "document-given": mark("文档已添加，转换好就可以展示。"),
    "document-removed": mark("文档已删除。"),
    "push-sent": mark("推送已发送。"),
    "push-scheduled": mark("推送单已保存，到时自动发送。"),
    "push-cancelled": mark("推送已取消。"),
    "make-up-on": mark("自动补推已打开。"),
    "make-up-off": mark("自动补推已关闭，之后结束的课不再自动补推。"),
    "push-reminded": mark("已提醒还没打开的对象，连着的教室终端马上显示。"),
    "retention-done": mark("到期的内容已删除，见下面的删除记录。"),
    "retention-part": mark("没有全部删完，见下面的删除记录；请再删一次，或等到夜里。"),
    "push-completed": mark("已记录为看完。"),
    "signed-out": mark("已退出。"),
    "published": mark("课表已发布，相关教室和教师正在收到通知。"),
    "imported": mark("已导入草稿。检查冲突和提醒后再发布。"),
    "feed-revoked": mark("日历地址已停用，用它的日历不会再更新。"),
    "set-up": mark("管理员已经建立，请登录。"),
}

_NAV: Final = (
    ("/today", mark("今天"), frozenset({Role.ADMIN, Role.OPERATOR, Role.TEACHER})),
    ("/timetable", mark("课表"), SIGNED_IN),
    ("/research", mark("教研"), SIGNED_IN),
    ("/calendar", mark("校历"), frozenset({Role.ADMIN, Role.OPERATOR, Role.TEACHER})),
    (
        "/library",
        mark("资源库"),
        frozenset({Role.ADMIN, Role.TEACHER, Role.REVIEWER}),
    ),
    (
        "/pushes",
        mark("推送"),
        frozenset({Role.ADMIN, Role.TEACHER, Role.REVIEWER}),
    ),
    ("/wall", mark("巡课"), frozenset({Role.ADMIN, Role.REVIEWER})),
    ("/coverage", mark("覆盖"), frozenset({Role.ADMIN, Role.REVIEWER})),
    ("/terminals", mark("终端"), frozenset({Role.ADMIN, Role.OPERATOR})),
    ("/roster", mark("名册"), frozenset({Role.ADMIN, Role.OPERATOR, Role.REVIEWER})),
    ("/people", mark("用户"), frozenset({Role.ADMIN})),
)
PROBLEM_TITLES: Final = {
    ProblemKind.NOT_FOUND: mark("没有找到"),
    ProblemKind.FORBIDDEN: mark("不能打开"),
    ProblemKind.UNAVAILABLE: mark("暂时不可用"),
}
_NOT_DONE: Final = mark("没有办成")
# Problems that may be gone when somebody tries again.
_PASSING: Final = (ProblemKind.UNAVAILABLE, ProblemKind.TOO_MANY)
# Last parts of addresses that are only posted to.
_FEEDS: Final = "/timetable/feeds"
_ACTS: Final = (
    "/publish",
    "/remove",
    "/restate",
    "/password",
    "/cancel",
    "/answer",
    "/amend",
    "/state",
    "/revoke",
    "/renew",
    "/cut",
    "/recording",
    "/delete",
    "/open",
    "/complete",
    "/guests",
)
# Pages of an entry whose addresses do not begin with its own.
_BELONGS: Final = {
    "/settings/rules": "/coverage",
    "/settings/rubric": "/research",
    "/access-log": "/people",
    "/help": "/terminals",
}
HOME: Final = {
    Role.ADMIN: "/today",
    Role.OPERATOR: "/today",
    Role.TEACHER: "/today",
    Role.REVIEWER: "/coverage",
}


@dataclass(frozen=True, slots=True)
class NavItem:
    """One entry of the main navigation."""

    href: str
    text: str
    current: bool


@dataclass(frozen=True, slots=True)
class PageInfo:
    """What `base.html` shows around the content."""

    html_lang: str
    other_language: str
    other_html_lang: str
    other_language_name: str
    here: str
    nav: Sequence[NavItem]
    user: User | None
    role_word: str
    done: str | None
    problem: str | None
    zone: str
    version: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """One request for a page, with everything a handler needs to answer it."""

    request: web.Request
    services: Services
    tongue: Tongue
    format: Format

    @classmethod
    def of(cls, request: web.Request) -> Frame:
        """The frame of a request; the language is chosen here."""
        services = request.app[SERVICES]
        user = request.get(USER)
        spoken = tongue(
            negotiate(
                cookie=request.cookies.get(LANGUAGE_COOKIE),
                user=user.language if user else None,
                accept=request.headers.get("Accept-Language", ""),
            )
        )
        return cls(request, services, spoken, Format(spoken, services.zone))

    @property
    def user(self) -> User:
        """The signed-in person; only for pages whose roles say there is one."""
        return self.request[USER]

    @property
    def roster(self) -> Roster:
        """The roster as last read."""
        return self.services.roster.current()

    @property
    def now(self) -> datetime:
        """Aware UTC now."""
        return self.services.clock()

    @property
    def today(self) -> date:
        """The civil date in the programme's zone."""
        return self.now.astimezone(self.services.zone).date()

    def t(self, message: str, **values: object) -> str:
        """A sentence in the page's language with its values filled in (plain text)."""
        text = self.tongue.gettext(message)
        return text % values if values else text

    def say(self, problem: ProblemError) -> str:
        """A problem in the page's language."""
        return self.tongue.pick(problem.zh, problem.en)

    def may(self, *roles: Role) -> bool:
        """Whether the signed-in person has one of these roles."""
        user = self.request.get(USER)
        return user is not None and user.role in roles

    def link(self, **changes: object) -> str:
        """This page's address with some query values set, or dropped where None."""
        query = {k: v for k, v in self.request.query.items() if k != "done"}
        for name, value in changes.items():
            if value is None:
                query.pop(name, None)
            else:
                query[name] = str(value)
        return self.request.path + (f"?{urlencode(query)}" if query else "")

    def render(
        self, template: str, *, status: int = 200, problem: str | None = None, **values: Any
    ) -> web.Response:
        """The page made of `template`. Pages show live things, so nobody keeps a copy."""
        html = (
            environment(self.tongue.code)
            .get_template(template)
            .render(page=self._info(problem), format=self.format, frame=self, **values)
        )
        response = web.Response(text=html, content_type="text/html", status=status)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Vary"] = "Cookie, Accept-Language"
        return response

    def problem(self, error: ProblemError) -> web.Response:
        """A whole page for a problem that belongs to no field."""
        response = self.render(
            "problem.html",
            status=STATUS_OF[error.kind],
            title=PROBLEM_TITLES.get(error.kind, _NOT_DONE),
            text=self.say(error),
            code=error.code,
            retry=self.request.method == "GET" and error.kind in _PASSING,
        )
        if error.retry_after_s is not None:
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response

    def _info(self, problem: str | None) -> PageInfo:
        other = "en" if self.tongue.code == "zh" else "zh"
        user = self.request.get(USER)
        path = self.request.path
        return PageInfo(
            html_lang=self.tongue.html_lang,
            other_language=other,
            other_html_lang=HTML_LANG[other],
            other_language_name="English" if other == "en" else "中文",
            here=self.link() if self.request.method == "GET" else _form_page(path),
            nav=tuple(
                NavItem(href, text, path.startswith(href) or _inside(path, href, user.role))
                for href, text, roles in _NAV
                if user is not None and user.role in roles
            ),
            user=user,
            role_word=ROLE_WORDS[user.role] if user else "",
            done=DONE.get(self.request.query.get("done", "")),
            problem=problem,
            zone=str(self.services.zone),
            version=self.services.settings.version,
            simulated=self.services.settings.simulated,
        )


def _form_page(path: str) -> str:
    """The page that a posted form belongs to, which can be asked for again."""
    for act in _ACTS:
        path = path.removesuffix(act)
    # A feed has no page of its own, it is a row of the list.
    return _FEEDS if path.startswith(_FEEDS) else path


def _inside(path: str, href: str, role: Role) -> bool:
    """Whether a page belongs to this entry though its address does not begin with it.

    A lesson's page belongs to where its reader came from.
    """
    if path.startswith("/lessons"):
        return href == HOME.get(role)
    return _BELONGS.get(path) == href


@cache
def environment(language: str) -> jinja2.Environment:
    """The templates in one language; a name that is not there is an error, never empty text."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    spoken = tongue(language)
    env.install_gettext_callables(  # type: ignore[attr-defined]
        spoken.gettext, spoken.ngettext, newstyle=True, pgettext=spoken.pgettext
    )
    env.globals["static"] = static_url
    parts = env.get_template("_parts.html").module
    for name in _MACROS:
        env.globals[name] = getattr(parts, name)
    return env


def see_other(path: str, *, done: str | None = None) -> web.Response:
    """Answer a form that did its work: go and look (POST, redirect, GET)."""
    if done is not None:
        path += ("&" if "?" in path else "?") + urlencode({"done": done})
    return web.Response(status=303, headers={"Location": path, "Cache-Control": "no-store"})


def local_path(text: str, default: str = "/") -> str:
    """`text` if it is an address of this site, else `default`: no page sends anybody elsewhere."""
    parts = urlsplit(text)
    plain = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    if not plain or parts.scheme or parts.netloc or "\\" in text:
        return default
    return text


def once(frame: Frame, form: Form) -> str:
    """The form's idempotency key, made the user's own; a form without one gets a fresh key."""
    return f"{frame.user.id}:{form.text('key')[:64] or secrets.token_hex(16)}"


async def posted(request: web.Request) -> Form:
    """The posted form."""
    return Form.of(await request.post())
