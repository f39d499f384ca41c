"""`simulate`: virtual classrooms against any running server, by the public protocol only.

`simulate term` beside it makes up a whole term in a database of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

import aiohttp
import click
from rich.console import Console

from ..domain.problems import ProblemError, ProblemKind
from ..simulator.answers import RequestRefusedError
from ..simulator.recording import Recording, load_recording, make_recording
from ..simulator.swarm import (
    Administrator,
    Mix,
    Swarm,
    make_terminals,
    open_http,
)
from ..simulator.terminal import VirtualTerminal
from .language import say
from .simulate_term import simulate_term
from .watch import watch

RECORDING: Final = Path("var/simulate/lesson.mkv")
SHARE: Final = click.FloatRange(0, 1)


@click.group(invoke_without_command=True)
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="The server.")
@click.option("--login", default="admin", show_default=True, help="An administrator's account.")
@click.option(
    "--password", envvar="SIMULATE_PASSWORD", help="Its password; asked for if not given."
)
@click.option("--lesson", "lesson", help="Id of a lesson of today; cannot be left out.")
@click.option("--rooms", type=click.IntRange(1, 500), help="At most so many of its seats.")
@click.option("--host/--no-host", default=True, show_default=True, help="Teach it too.")
@click.option("--take-over", is_flag=True, help="Also classrooms that have a real terminal.")
@click.option(
    "--recording",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What the virtual teacher gives (H.264); default: a made one.",
)
@click.option("--seed", default=1, show_default=True, help="The same seed, the same classrooms.")
@click.option("--loss", type=SHARE, default=0.0, help="Share of packets lost on every line.")
@click.option("--late", type=SHARE, default=0.0, help="Share of rooms switched on late.")
@click.option("--leave", type=SHARE, default=0.0, help="Share of rooms that leave for good.")
@click.option("--blink", type=SHARE, default=0.0, help="Share of rooms that drop out and return.")
@click.option("--hands", type=SHARE, default=0.0, help="Share of rooms that raise a hand.")
@click.option("--seconds", type=click.IntRange(5, 14400), help="Stop by itself after so long.")
@click.pass_context
def simulate(
    ctx: click.Context,
    /,
    url: str,
    login: str,
    password: str | None,
    lesson: str | None,
    rooms: int | None,
    host: bool,
    take_over: bool,
    recording: Path | None,
    seed: int,
    seconds: int | None,
    **shares: float,
) -> None:
    """Enrol virtual terminals for one lesson and run them until Ctrl-C."""
    if ctx.invoked_subcommand is not None:
        return
    if lesson is None:
        raise click.UsageError("Missing option '--lesson'.", ctx)
    if password is None:
        password = str(click.prompt(say("密码", "Password"), hide_input=True))
    loaded = _recording(recording)

    async def work() -> None:
        async with open_http(url) as http:
            admin = await Administrator.sign_in(http, url, login, password)
            tokens, host_token = await _enrol(admin, lesson, rooms, host, take_over)
            terminals = make_terminals(
                http, url, tokens, recording=None, thumbnail=None, mix=Mix(**shares), seed=seed
            )
            if host_token is not None:
                terminals.append(_teacher(http, url, host_token, loaded))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await watch(Console(highlight=False), Swarm(terminals))

    _run(work(), url)


simulate.add_command(simulate_term)


def _recording(path: Path | None) -> Recording:
    """What the virtual teacher gives; made, if no one is named and none was made yet."""
    if path is None:
        path = RECORDING
        if not path.exists():
            making = say("正在制作课堂录像（仅第一次）…", "making a recording (first time only)…")
            with Console(highlight=False).status(making):
                make_recording(path)
    return load_recording(path)


def _run(work: Coroutine[Any, Any, None], url: str) -> None:
    """Run until it ends or Ctrl-C; what the server refuses becomes a sentence."""
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(work)
    except RequestRefusedError as error:
        raise ProblemError(
            "server_refused",
            f"服务器 {url} 拒绝了请求：{error.zh}",
            f"The server {url} refused: {error.en}",
            value=url,
        ) from error
    except aiohttp.ClientError as error:
        raise ProblemError(
            "server_unreachable",
            f"无法连接服务器 {url}（{error}）。请确认它正在运行，或用 --url 写明地址。",
            f"The server {url} cannot be reached ({error}). See that it runs, or name its address"
            " with --url.",
            value=url,
        ) from error


def _teacher(
    http: aiohttp.ClientSession, url: str, token: str, recording: Recording
) -> VirtualTerminal:
    return VirtualTerminal(
        http, url, token, name=say("主讲", "host"), recording=recording, book=True
    )


async def _enrol(
    admin: Administrator, lesson: str, rooms: int | None, host: bool, take_over: bool
) -> tuple[dict[str, str], str | None]:
    """Device tokens of the lesson's rooms by name, and of its host."""
    view = await admin.get(f"/api/lessons/{lesson}")
    board = await admin.get("/api/terminals")
    taken = {row["classroom"]["id"] for row in board["terminals"] if row["terminal"]}
    wanted = _rooms_of(view)[:rooms]
    held = [c for c, _ in wanted if c in taken]
    if host and _host_of(view) in taken:
        held.append(_host_of(view))
    if held and not take_over:
        raise ProblemError(
            "terminals_exist",
            f"{len(held)} 个教室已有终端（例如 {held[0]}）；再次注册会使其失效。"
            "确认请加 --take-over。",
            f"{len(held)} classrooms have a terminal already (such as {held[0]}); enrolling them"
            " again would put it out of use. Add --take-over if that is meant.",
            kind=ProblemKind.CONFLICT,
            value=held[0],
        )
    tokens = {name: await admin.enrol(classroom, "simulator") for classroom, name in wanted}
    return tokens, await admin.enrol(_host_of(view), "simulator") if host else None


def _rooms_of(view: dict[str, Any]) -> list[tuple[str, str]]:
    """Classroom ids and names of a lesson's seats that take place."""
    return [
        (seat["classroom"]["id"], f"{seat['school']['name']} {seat['classroom']['name']}")
        for seat in view["seats"]
        if not seat["withdrawn"]
    ]


def _host_of(view: dict[str, Any]) -> str:
    return str(view["host"]["classroom"]["id"])
