"""`user` and `terminal`: accounts and enrolment codes, made at the server's own console."""

from __future__ import annotations

import asyncio
from typing import Any

import click
from rich.console import Console

from ..domain.accounts import Role
from ..domain.ids import ClassroomId
from ..domain.problems import ProblemError, ProblemKind
from .language import say
from .offline import open_offline
from .settings import serve_settings

PEOPLE_ROLES = [role.value for role in Role if role is not Role.DEVICE]


@click.group()
def user() -> None:
    """Accounts of people."""


@user.command("add")
@click.argument("login")
@click.option("--name", prompt=say("姓名", "Name"), help="Name shown on pages.")
@click.option(
    "--role", type=click.Choice(PEOPLE_ROLES), required=True, help=" / ".join(PEOPLE_ROLES) + "."
)
@click.option(
    "--password",
    prompt=say("密码", "Password"),
    hide_input=True,
    confirmation_prompt=say("再输一次密码", "Repeat for confirmation"),
    help="At least 10 characters; asked for if not given.",
)
@click.pass_obj
def user_add(obj: Any, login: str, name: str, role: str, password: str) -> None:
    """Add an account."""

    async def work() -> None:
        async with open_offline(serve_settings(obj.settings)) as services:
            await services.accounts.add_user(
                login=login, name=name, role=Role(role), password=password
            )

    asyncio.run(work())
    Console().print(
        say(f"✔ {login}（{role}）现在可以登录了。", f"✔ {login} ({role}) can sign in now."),
        highlight=False,
    )


@click.group()
def terminal() -> None:
    """Classroom terminals."""


@terminal.command("code")
@click.argument("classroom")
@click.pass_obj
def terminal_code(obj: Any, classroom: str) -> None:
    """Make a one-use enrolment code for CLASSROOM (an id of the roster)."""

    async def work() -> tuple[str, str]:
        async with open_offline(serve_settings(obj.settings)) as services:
            roster = services.roster.current()
            if classroom not in roster.classrooms:
                raise ProblemError(
                    "classroom_unknown",
                    f"没有编号为 {classroom!r} 的教室；编号见页面 /terminals。",
                    f"There is no classroom {classroom!r}. The page /terminals lists the ids.",
                    kind=ProblemKind.NOT_FOUND,
                    field="classroom",
                    value=classroom,
                )
            code, expires_at = await services.enrolment.make_code(
                ClassroomId(classroom), actor="console"
            )
            return code, expires_at.astimezone(services.zone).strftime("%H:%M")

    code, until = asyncio.run(work())
    valid = say(f"只能用一次，有效到 {until}", f"valid once, until {until}")
    Console().print(f"[bold]{code[:4]} {code[4:]}[/]   {valid}", highlight=False)
