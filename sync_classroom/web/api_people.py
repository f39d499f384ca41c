"""API: signing in and out, the first account, and the accounts of people."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from aiohttp import web
from pydantic import Field

from ..domain.accounts import Role, User
from ..domain.ids import SchoolId, TeacherId, UserId
from ..domain.problems import ProblemError
from .access import session_token
from .fields import Id, Login, Name, Password, Secret
from .origin import client_address, drop_session_cookie, set_session_cookie
from .routes import ApiRoute, Call, In, Out, json_answer

PersonRole = Literal["admin", "teacher", "reviewer", "operator"]
Language = Literal["zh", "en"]


class SignIn(In):
    """Login and password."""

    login: Login
    password: Password


class PasswordChange(In):
    """The current password and the one to come; every session of the account ends."""

    old: Password
    new: Password


class Setup(In):
    """The one-time token of the set-up link, and the first administrator."""

    token: Secret
    login: Login
    name: Name
    password: Password


class NewUser(In):
    """An account to make."""

    login: Login
    name: Name
    role: PersonRole
    password: Password
    language: Language = "zh"
    school: Id | None = None
    teacher: Id | None = None


class UserChange(In):
    """What to change of an account; what is left out stays. A new password or role signs it out."""

    name: Name | None = None
    role: PersonRole | None = None
    password: Password | None = None
    language: Language | None = None
    school: Id | None = None
    teacher: Id | None = None


class UserOut(Out):
    """An account."""

    id: str
    login: str
    name: str
    role: PersonRole
    language: str
    school: str | None
    teacher: str | None
    disabled_at: datetime | None
    created_at: datetime | None
    last_sign_in_at: datetime | None


class UsersOut(Out):
    """Every account, disabled ones too, by login."""

    users: list[UserOut] = Field(max_length=5000)


def user_out(user: User) -> UserOut:
    """An account without its password hash."""
    return UserOut.model_validate(
        {name: getattr(user, name) for name in UserOut.model_fields if name != "role"}
        | {"role": user.role.value}
    )


async def sign_in(call: Call[SignIn, None]) -> web.Response:
    """Start a session; its token is in a cookie that page script cannot read."""
    token, user = await call.services.accounts.sign_in(
        call.body.login,
        call.body.password,
        address=client_address(call.request),
        user_agent=call.request.headers.get("User-Agent", ""),
    )
    response = json_answer(user_out(user))
    set_session_cookie(call.request, response, token)
    return response


async def who(call: Call[None, None]) -> UserOut:
    """Who is signed in."""
    return user_out(call.user)


async def sign_out(call: Call[None, None]) -> web.Response:
    """End this session, if there is one."""
    if token := session_token(call.request):
        await call.services.accounts.sign_out(token)
    response = web.Response(status=204, headers={"Cache-Control": "no-store"})
    drop_session_cookie(call.request, response)
    return response


async def change_password(call: Call[PasswordChange, None]) -> web.Response:
    """Change one's own password; this session ends too."""
    await call.services.accounts.change_password(call.user.id, call.body.old, call.body.new)
    response = web.Response(status=204, headers={"Cache-Control": "no-store"})
    drop_session_cookie(call.request, response)
    return response


async def set_up(call: Call[Setup, None]) -> UserOut:
    """Make the first administrator with the link that the server printed."""
    body = call.body
    return user_out(
        await call.services.accounts.redeem_setup(
            body.token, body.login, body.name, body.password, address=client_address(call.request)
        )
    )


async def list_users(call: Call[None, None]) -> UsersOut:
    """Every account."""
    return UsersOut(users=[user_out(u) for u in await call.services.accounts.list()])


async def add_user(call: Call[NewUser, None]) -> UserOut:
    """Make an account."""
    body = call.body
    _check_links(call, body.school, body.teacher)
    return user_out(
        await call.services.accounts.add_user(
            body.login,
            body.name,
            Role(body.role),
            body.password,
            language=body.language,
            school=SchoolId(body.school) if body.school else None,
            teacher=TeacherId(body.teacher) if body.teacher else None,
        )
    )


async def change_user(call: Call[UserChange, None]) -> UserOut:
    """Change an account; `school` and `teacher` may be set to null."""
    body = call.body
    _check_links(call, body.school, body.teacher)
    given = body.model_fields_set
    links: dict[str, SchoolId | TeacherId | None] = {}
    if "school" in given:
        links["school"] = SchoolId(body.school) if body.school else None
    if "teacher" in given:
        links["teacher"] = TeacherId(body.teacher) if body.teacher else None
    return user_out(
        await call.services.accounts.update_user(
            UserId(call.path("user")),
            name=body.name,
            role=Role(body.role) if body.role else None,
            password=body.password,
            language=body.language,
            **links,  # type: ignore[arg-type]  # each key goes with its own id type above
        )
    )


async def disable(call: Call[None, None]) -> UserOut:
    """Close an account; the last administrator stays."""
    return user_out(await call.services.accounts.disable(UserId(call.path("user"))))


async def enable(call: Call[None, None]) -> UserOut:
    """Open a disabled account again."""
    return user_out(await call.services.accounts.enable(UserId(call.path("user"))))


def _check_links(
    call: Call[NewUser, None] | Call[UserChange, None], school: str | None, teacher: str | None
) -> None:
    roster = call.services.roster.current()
    for field, value, known in (
        ("school", school, roster.schools),
        ("teacher", teacher, roster.teachers),
    ):
        if value is not None and value not in known:
            raise ProblemError(
                f"{field}_unknown",
                f"名册中没有编号为 {value} 的{'学校' if field == 'school' else '教师'}。",
                f"The roster has no {field} {value}.",
                field=field,
                value=value,
            )


ROUTES: Final = (
    ApiRoute(
        "api.session.create", "POST", "/api/session", sign_in, "Sign in",
        body=SignIn, answer=UserOut, problems=(401, 429, 503),
    ),
    ApiRoute("api.session.read", "GET", "/api/session", who, "Who is signed in", answer=UserOut),
    ApiRoute("api.session.delete", "DELETE", "/api/session", sign_out, "Sign out", status=204),
    ApiRoute(
        "api.session.password", "POST", "/api/session/password", change_password,
        "Change one's own password", body=PasswordChange, status=204, problems=(429, 503),
    ),
    ApiRoute(
        "api.setup", "POST", "/api/setup", set_up, "Make the first administrator",
        body=Setup, answer=UserOut, status=201, problems=(429, 503),
    ),
    ApiRoute("api.users.list", "GET", "/api/users", list_users, "Accounts", answer=UsersOut),
    ApiRoute(
        "api.users.create", "POST", "/api/users", add_user, "Make an account",
        body=NewUser, answer=UserOut, status=201, problems=(409, 503),
    ),
    ApiRoute(
        "api.users.update", "PATCH", "/api/users/{user}", change_user, "Change an account",
        body=UserChange, answer=UserOut, problems=(404, 409, 503),
    ),
    ApiRoute(
        "api.users.disable", "POST", "/api/users/{user}/disable", disable, "Close an account",
        answer=UserOut, problems=(404, 409),
    ),
    ApiRoute(
        "api.users.enable", "POST", "/api/users/{user}/enable", enable, "Open an account again",
        answer=UserOut, problems=(404,),
    ),
)  # fmt: skip
