"""Coming in and going out: sign-in, sign-out, the first administrator, own account, language."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ...coordinator.accounts import MAX_NAME, MIN_PASSWORD
from ...domain.problems import ProblemError
from ..i18n import LANGUAGES
from ..keys import USER
from ..origin import (
    client_address,
    cookie_name,
    drop_session_cookie,
    is_secure,
    set_session_cookie,
)
from ..problems import STATUS_OF
from .forms import Form
from .frame import HOME, LANGUAGE_COOKIE, Frame, local_path, posted, see_other
from .route import ANYBODY, SIGNED_IN, PageRoute

# A language choice outlives the term.
LANGUAGE_COOKIE_S: Final = 365 * 24 * 3600
_SETUP_FIELDS: Final = frozenset({"login", "name", "password"})


async def sign_in_form(request: web.Request) -> web.StreamResponse:
    """The sign-in form; who is signed in already goes home."""
    frame = Frame.of(request)
    if request.get(USER) is not None:
        return see_other(HOME[frame.user.role])
    return _sign_in(frame, Form.filled(next=local_path(request.query.get("next", ""), "")))


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Begin a session and go where the person was going."""
    frame = Frame.of(request)
    form = await posted(request)
    if not form.text("login"):
        form.wrong("login", frame.t("请输入账号。"))
    if not form.get("password"):
        form.wrong("password", frame.t("请输入密码。"))
    if not form.ok:
        return _sign_in(frame, form, status=422)
    try:
        token, user = await frame.services.accounts.sign_in(
            form.text("login"),
            form.get("password"),
            address=client_address(request),
            user_agent=request.headers.get("User-Agent", ""),
        )
    except ProblemError as problem:
        form.wrong("form", frame.say(problem))
        return _sign_in(frame, form, status=STATUS_OF[problem.kind], wait_s=problem.retry_after_s)
    response = see_other(local_path(form.text("next"), HOME.get(user.role, "/")))
    set_session_cookie(request, response, token)
    return response


def _sign_in(
    frame: Frame, form: Form, *, status: int = 200, wait_s: int | None = None
) -> web.Response:
    response = frame.render(
        "sign_in.html", status=status, problem=form.errors.get("form"), form=form
    )
    if wait_s is not None:
        response.headers["Retry-After"] = str(wait_s)
    return response


async def sign_out(request: web.Request) -> web.StreamResponse:
    """End this session."""
    frame = Frame.of(request)
    token = request.cookies.get(cookie_name(request))
    if token:
        await frame.services.accounts.sign_out(token)
    response = see_other("/sign-in", done="signed-out")
    drop_session_cookie(request, response)
    return response


async def setup_form(request: web.Request) -> web.StreamResponse:
    """The form behind the one-time link of a first start; afterwards it leads to the door."""
    frame = Frame.of(request)
    if await frame.services.accounts.list():
        return see_other("/sign-in", done="set-up")
    return _setup(frame, Form.filled(token=request.query.get("token", "")[:200]))


async def setup(request: web.Request) -> web.StreamResponse:
    """Make the first administrator and sign them in."""
    frame = Frame.of(request)
    form = await posted(request)
    if form.get("password") != form.get("again"):
        form.wrong("again", frame.t("两次输入的密码不一样，请再输一次。"))
    if not form.ok:
        return _setup(frame, form, status=422)
    address = client_address(request)
    try:
        user = await frame.services.accounts.redeem_setup(
            form.text("token"),
            form.text("login"),
            form.text("name"),
            form.get("password"),
            address=address,
        )
        token, _ = await frame.services.accounts.sign_in(
            user.login,
            form.get("password"),
            address=address,
            user_agent=request.headers.get("User-Agent", ""),
        )
    except ProblemError as problem:
        form.wrong(problem.field if problem.field in _SETUP_FIELDS else "form", frame.say(problem))
        return _setup(frame, form, status=STATUS_OF[problem.kind])
    response = see_other("/terminals")
    set_session_cookie(request, response, token)
    return response


def _setup(frame: Frame, form: Form, *, status: int = 200) -> web.Response:
    return frame.render(
        "setup.html",
        status=status,
        problem=form.errors.get("form"),
        form=form,
        name_max=MAX_NAME,
        password_min=MIN_PASSWORD,
    )


async def account(request: web.Request) -> web.StreamResponse:
    """The signed-in person's own page."""
    return _account(Frame.of(request), Form())


async def password(request: web.Request) -> web.StreamResponse:
    """Change one's own password; every other session of the account ends."""
    frame = Frame.of(request)
    form = await posted(request)
    user = frame.user
    if form.get("password") != form.get("again"):
        form.wrong("again", frame.t("两次输入的密码不一样，请再输一次。"))
    if not form.ok:
        return _account(frame, form, status=422)
    try:
        await frame.services.accounts.change_password(
            user.id, form.get("old"), form.get("password")
        )
        token, _ = await frame.services.accounts.sign_in(
            user.login,
            form.get("password"),
            address=client_address(request),
            user_agent=request.headers.get("User-Agent", ""),
        )
    except ProblemError as problem:
        form.wrong(
            problem.field if problem.field in ("old", "password") else "form", frame.say(problem)
        )
        return _account(frame, form, status=STATUS_OF[problem.kind])
    response = see_other("/account", done="password")
    set_session_cookie(request, response, token)
    return response


def _account(frame: Frame, form: Form, *, status: int = 200) -> web.Response:
    return frame.render(
        "account.html",
        status=status,
        problem=form.errors.get("form"),
        form=form,
        password_min=MIN_PASSWORD,
    )


async def language(request: web.Request) -> web.StreamResponse:
    """Choose the language of this browser, and of the account if there is one."""
    frame = Frame.of(request)
    form = await posted(request)
    chosen = form.text("language")
    response = see_other(local_path(form.text("back")))
    if chosen in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE,
            chosen,
            max_age=LANGUAGE_COOKIE_S,
            path="/",
            samesite="Lax",
            httponly=True,
            secure=is_secure(request),
        )
        if request.get(USER) is not None:
            await frame.services.accounts.update_user(frame.user.id, language=chosen)
    return response


ROUTES = (
    PageRoute("signin", "GET", "/sign-in", sign_in_form, ANYBODY),
    PageRoute("signin-submit", "POST", "/sign-in", sign_in, ANYBODY),
    PageRoute("signout", "POST", "/sign-out", sign_out, ANYBODY),
    PageRoute("setup", "GET", "/setup", setup_form, ANYBODY),
    PageRoute("setup-submit", "POST", "/setup", setup, ANYBODY),
    PageRoute("account", "GET", "/account", account, SIGNED_IN),
    PageRoute("account-password", "POST", "/account/password", password, SIGNED_IN),
    PageRoute("language", "POST", "/language", language, ANYBODY),
)
