"""`ingest`: try a recording host (录播主机) or a file by hand, and hear what is wrong with it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import aiohttp
import click
from rich.console import Console

from ..domain.ingest import ADVICE, REASONS, IngestError, IngestKind, IngestSource, parse_ingest
from ..domain.problems import ProblemError, ProblemKind
from ..relay.ingest_media import Facts, Source
from ..relay.ingest_session import Told, play
from .language import speaks_chinese

#: Long enough to see two keyframe intervals of an unsuitable host.
LOOK_S: Final = 12.0
HTTP_S: Final = 10.0


@click.command()
@click.argument("url")
@click.option("--to", help="WHIP address to publish to; without it the source is only looked at.")
@click.option("--token", default="", help="Bearer token of the WHIP address.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="Folder that file: sources are below (default: here).",
)
@click.option("--seconds", type=float, help="Stop after this long (default with --to: never).")
def ingest(url: str, to: str | None, token: str, folder: Path, seconds: float | None) -> None:
    """Look at a recording host's stream, or publish it; says in sentences what is unsuitable."""
    source = parse_ingest(url, field="URL")
    if source.kind is IngestKind.PUSH:
        raise ProblemError(
            "ingest_push",
            "推流要由录播主机发起，不能用本命令试。请在设置里填写 push:，再从主机推流。",
            "A push comes from the recording host and cannot be tried from here: put push: into"
            " the settings and push to the relay.",
            field="URL",
            value="push",
        )
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        if to is None:
            asyncio.run(_look(source, folder, console, seconds or LOOK_S))
        else:
            asyncio.run(_publish(source, folder, console, to, token, seconds))
    except IngestError as error:
        zh, en = REASONS[error.code]
        raise ProblemError(
            f"ingest_{error.code}", zh, en, kind=ProblemKind.UNAVAILABLE, value=source.shown
        ) from None


def _told(console: Console) -> Told:
    def facts(found: Facts) -> None:
        sound = found.audio or "—"
        console.print(f"[green]✔[/] H.264 {found.width}×{found.height} · {sound}")
        for code in found.advice:
            advice(code)

    def advice(code: str) -> None:
        console.print(f"[yellow]![/] {ADVICE[code][0 if speaks_chinese() else 1]}")

    return Told(facts, advice)


async def _look(source: IngestSource, folder: Path, console: Console, seconds: float) -> None:
    """Read for a while and say what came."""
    told = _told(console)

    def read() -> tuple[int, int]:
        opened = Source.open(source, folder=folder)
        first_s: float | None = None
        counts = {True: 0, False: 0}
        said: list[str] = []
        try:
            for unit in opened.units(said.append):
                if first_s is None:
                    told.facts(opened.facts)
                    first_s = unit.at_s
                while said:
                    code = said.pop()
                    if code not in opened.facts.advice:
                        told.advice(code)
                counts[unit.video] += 1
                if unit.at_s - first_s >= seconds:
                    break
        finally:
            opened.close()
        return counts[True], counts[False]

    pictures, sounds = await asyncio.to_thread(read)
    zh = f"读到 {pictures} 幅画面、{sounds} 段声音，可以用于课堂。"
    en = f"{pictures} pictures and {sounds} pieces of sound were read: fit for a lesson."
    console.print(f"[green]✔[/] {zh if speaks_chinese() else en}")


async def _publish(
    source: IngestSource, folder: Path, console: Console, to: str, token: str, seconds: float | None
) -> None:
    """One attempt, until it ends, time is up or Ctrl-C."""
    access = {"Authorization": f"Bearer {token}"} if token else {}
    session: list[str] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(HTTP_S)) as http:

        async def signal(offer: str) -> str:
            headers = access | {"Content-Type": "application/sdp"}
            try:
                async with http.post(to, data=offer, headers=headers) as response:
                    text = await response.text()
                    if response.status != 201:
                        raise _refused(to, f"HTTP {response.status}: {text[:200]}")
                    session.append(urljoin(str(response.url), response.headers["Location"]))
                    return text
            except (aiohttp.ClientError, TimeoutError) as error:
                raise _refused(to, str(error) or type(error).__name__) from error

        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await play(
                        source,
                        lambda: Source.open(source, folder=folder),
                        signal,
                        _told(console),
                    )
        finally:
            for address in session:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    await http.delete(address, headers=access)


def _refused(to: str, why: str) -> ProblemError:
    return ProblemError(
        "ingest_refused",
        f"WHIP 地址 {to} 没有接收：{why}",
        f"The WHIP address {to} did not take it: {why}",
        kind=ProblemKind.UNAVAILABLE,
        field="--to",
        value=to,
    )
