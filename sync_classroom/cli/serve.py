"""`serve`: the coordinator, with the relay as a process of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import click
from rich.console import Console

from ..app import Ready
from ..app import serve as run_coordinator
from .doctor import camera_works, no_camera_warning
from .language import speaks_chinese
from .logs import configure_logs
from .settings import serve_settings


@click.command()
@click.option("--stop-relay", is_flag=True, help="Stop the relay too when this process stops.")
@click.pass_obj
def serve(obj: Any, stop_relay: bool) -> None:
    """Run the coordinator, and the relay as a process of its own."""
    settings = obj.settings
    configure_logs(settings.log)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    chinese = speaks_chinese()
    if not camera_works(settings):
        warning = no_camera_warning(settings)
        console.print(f"[yellow]![/] {warning.zh if chinese else warning.en}")

    def ready(serving: Ready) -> None:
        console.print(f"[green]✔[/] {serving.url}   (WHIP/WHEP {serving.relay_url})")
        if serving.setup_url:
            text = (
                "尚无账号；用此一次性链接设置管理员"
                if chinese
                else "No accounts yet; set up the first administrator with this one-time link"
            )
            console.print(f"  {text}: [bold]{serving.setup_url}[/]")

    asyncio.run(run_coordinator(serve_settings(settings, stop_relay=stop_relay), ready=ready))
