"""`relay`: the media plane alone, a WHIP and WHEP relay."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ..config import Settings
from ..domain.problems import ProblemError
from ..relay.listening import raise_descriptor_limit
from ..relay.memory import settle
from ..relay.server import ServerInfo
from ..relay.server import run as run_relay
from ..relay.settings import Listen, RelaySettings
from ..setting_tables import split_address
from .language import say
from .logs import configure_logs
from .relay_settings import control_of, relay_settings


@click.command()
@click.option("--open", "open_mode", is_flag=True, help="No tokens: anyone may publish and watch.")
@click.option("--http", help="Address of WHIP and WHEP, e.g. 127.0.0.1:8090.")
@click.option("--media", help="Address and port of media, e.g. 127.0.0.1:7700.")
@click.option("--control", type=click.Path(path_type=Path), help="Unix socket of the control API.")
@click.option("--i-know", is_flag=True, help="Allow --open on a public address.")
@click.pass_obj
def relay(
    obj: Any,
    open_mode: bool,
    http: str | None,
    media: str | None,
    control: Path | None,
    i_know: bool,
) -> None:
    """Run the relay alone: a WHIP/WHEP relay."""
    settings = obj.settings
    configure_logs(settings.log)
    folder = Path(settings.server.data_dir) / "relay"
    chosen = replace(
        relay_settings(settings),
        open_mode=open_mode,
        control=_control(settings, control, open_mode),
        journal_dir=(folder / "open" if open_mode else folder).absolute(),
    )
    if open_mode:  # not among the lessons'
        chosen = replace(chosen, recording_dir=(folder / "open-recordings").absolute())
    chosen = _addresses(chosen, http, media)
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True, soft_wrap=True, highlight=False)

    def ready(info: ServerInfo) -> None:
        scheme = "https" if chosen.tls_certificate else "http"
        base = f"{scheme}://{chosen.http.host}:{info.http_port}"
        console.print(f"[green]✔[/] {base}/whip/ROOM   {base}/whep/ROOM")
        protocols = "UDP, TCP" if chosen.media_tcp else "UDP"
        media = f"{protocols} {chosen.media.host}:{info.media_port}"
        console.print(say(f"  媒体端口：{media}", f"  media: {media}"))
        settle()

    raise_descriptor_limit()
    asyncio.run(run_relay(chosen, ready=ready, i_know=i_know))


def _control(settings: Settings, asked: Path | None, open_mode: bool) -> Path | Listen:
    """The socket asked for, else where the settings say; an open relay keeps out of the way."""
    if asked is not None:
        return asked
    if open_mode:
        return Path(settings.server.data_dir).absolute() / "relay" / "open.sock"
    return control_of(settings)


def _addresses(settings: RelaySettings, http: str | None, media: str | None) -> RelaySettings:
    """Addresses from the command line over those of the settings."""
    if http is not None:
        settings = replace(settings, http=_listen("http", http))
    if media is not None:
        settings = replace(settings, media=_listen("media", media))
    return settings


def _listen(option: str, text: str) -> Listen:
    """ADDRESS:PORT of an option."""
    host, port = split_address(text) if text.rpartition(":")[2].isdigit() else ("", 0)
    if not host or port > 65535:
        raise ProblemError(
            "address_malformed",
            f"--{option} {text!r} 应写成“地址:端口”，例如 127.0.0.1:8090。",
            f"--{option} {text!r} is not ADDRESS:PORT, such as 127.0.0.1:8090.",
            field=option,
            value=text,
        )
    return Listen(host, port)
