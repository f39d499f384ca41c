"""Who asks in a meeting: a teacher by their account, or a guest by the pass of a link used once."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ..coordinator.meetings import Attendee
from ..coordinator.research import Session
from ..domain.problems import ProblemError, ProblemKind
from .keys import SERVICES, USER
from .origin import is_local, is_secure

# As the session's cookie: `__Host-` demands TLS, which a plain-HTTP school does not have.
COOKIE_SECURE: Final = "__Host-guest"
COOKIE_PLAIN: Final = "guest"
#: A pass is 32 letters; whatever is longer is not ours and costs no query.
MAX_PASS: Final = 128


def cookie_name(request: web.Request) -> str:
    """What a guest's cookie is called here."""
    return COOKIE_SECURE if is_secure(request) or is_local(request) else COOKIE_PLAIN


def keep_pass(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Have the guest's browser keep the pass until it is closed."""
    name = cookie_name(request)
    response.set_cookie(
        name, token, httponly=True, samesite="Lax", path="/", secure=name == COOKIE_SECURE
    )


async def attendee(request: web.Request, session: Session) -> Attendee:
    """Who asks, as one who meets in this session.

    ProblemError `signed_out` for nobody, `not_invited` for somebody else.
    """
    meetings = request.app[SERVICES].meetings
    token = request.cookies.get(cookie_name(request), "")
    if 0 < len(token) <= MAX_PASS:
        guest = await meetings.as_guest(session, token)
        if guest is not None:
            return guest
    user = request.get(USER)
    if user is None:
        raise ProblemError(
            "signed_out",
            "请先用自己的账号登录，再进入会议；来宾请用主持人发来的链接。",
            "Sign in with your own account to come into the meeting; guests use the link they were"
            " sent.",
            kind=ProblemKind.UNAUTHENTICATED,
        )
    return meetings.as_user(session, user)
