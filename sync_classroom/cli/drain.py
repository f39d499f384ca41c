"""`drain`: let the relay end when its lessons are over, and show what it waits for."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from ..app import relay_client
from ..coordinator.ports import RelayDownError
from ..coordinator.relay_client import RelayClient
from ..domain.problems import ProblemError, ProblemKind
from .language import say
from .settings import serve_settings

#: How often the relay is asked what it still waits for.
LOOK_S: Final = 1.0


@click.command()
@click.option(
    "--control", type=click.Path(path_type=Path), help="Its control socket; else relay.control."
)
@click.option("--cancel", is_flag=True, help="Take new rooms again instead.")
@click.option("--no-wait", is_flag=True, help="Do not wait until the relay has ended.")
@click.pass_obj
def drain(obj: Any, control: Path | None, cancel: bool, no_wait: bool) -> None:
    """Let the relay finish its lessons, begin no others, and end when nobody is connected."""
    console = Console(soft_wrap=True, highlight=False)
    socket = control.absolute() if control else None

    async def run() -> None:
        client = RelayClient(socket) if socket else relay_client(serve_settings(obj.settings))
        await _drain(client, console, cancel=cancel, wait=not no_wait)

    asyncio.run(run())


async def _drain(client: RelayClient, console: Console, *, cancel: bool, wait: bool) -> None:
    try:
        try:
            boot = (await client.status()).boot
            await (client.cancel_drain() if cancel else client.drain())
        except RelayDownError as error:
            raise _no_relay(client.where, error) from error
        if cancel:
            console.print(say("媒体服务重新接受新课堂。", "The relay takes new lessons again."))
        elif wait:
            await _until_gone(client, boot, console)
        else:
            console.print(
                say(
                    "媒体服务不再接受新课堂，现有课堂结束后停止。",
                    "The relay takes no new lessons and ends when its own are over.",
                )
            )
    finally:
        await client.close()


async def _until_gone(client: RelayClient, boot: str, console: Console) -> None:
    """Say what is waited for whenever it changes, until this start of the relay has ended."""
    said: str | None = None
    while True:
        try:
            status = await client.status()
        except RelayDownError:
            break
        if status.boot != boot:
            break
        if not status.draining:
            console.print(say("停止已被取消。", "The drain was cancelled."))
            return
        rooms = Counter(peer.room for peer in status.peers)
        listed = ", ".join(f"{room} ({count})" for room, count in sorted(rooms.items()))
        text = say(f"等待：{listed}", f"waiting for {listed}") if listed else _nobody()
        if text != said:
            console.print(text)
            said = text
        await asyncio.sleep(LOOK_S)
    console.print(say("[green]✔[/] 媒体服务已停止。", "[green]✔[/] The relay has ended."))


def _nobody() -> str:
    return say("没有人在线，即将停止", "nobody is connected; it ends in a moment")


def _no_relay(where: str, error: RelayDownError) -> ProblemError:
    return ProblemError(
        "relay_not_found",
        f"在 {where} 没有媒体服务应答（{error}）。请检查它是否在运行，或用 --control 指定。",
        f"No relay answers at {where} ({error}). Check that it runs, or name its socket with"
        " --control.",
        kind=ProblemKind.UNAVAILABLE,
        field="--control",
        value=where,
    )
