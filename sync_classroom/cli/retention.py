"""`retention`: what is kept how long, what is due, and deleting it now."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from ..domain.retention import SETTING, Kind, RetentionRun, Stock, days_of, run_to_dict
from .language import say
from .offline import open_offline
from .settings import serve_settings

NAMES: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.TERMINAL_SAMPLES: ("终端日志的样本", "Samples of terminals' journals"),
    Kind.DEVICES: ("已吊销的设备", "Revoked devices"),
    Kind.SELFCHECKS: ("终端自检结果", "Self-checks of terminals"),
    Kind.HELP_CALLS: ("求助记录", "Calls for help"),
    Kind.NOTICES: ("课表变动通知和回执", "Notices of changes, receipts"),
    Kind.ACCESS_LOG: ("查阅记录", "Access log"),
    Kind.FEEDS: ("已停用的日历订阅", "Ended calendar feeds"),
    Kind.DOCUMENTS: ("课件文档和它的图片", "Documents of lessons, their pages"),
    Kind.REPORTS: ("未发布报告的文件", "Files of unpublished reports"),
    Kind.MEDIA: ("录像（由媒体服务删除）", "Recordings (the relay's)"),
}


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what is due and delete nothing.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    help="A table for people, or JSON.",
)
@click.pass_obj
def retention(obj: Any, dry_run: bool, form: str) -> None:
    """Delete now what has been kept long enough, as a server does every night.

    What figures rest on is never deleted: plan, facts, rules, publications. Exit code 0: done; 1:
    it failed, and the next run goes on.
    """
    settings = serve_settings(obj.settings)

    async def work() -> tuple[Sequence[Stock], Mapping[Kind, datetime], RetentionRun | None]:
        async with open_offline(settings) as services:
            stock, cuts = await services.retention.stock(), services.retention.cuts()
            run = None if dry_run else await services.retention.delete_due("console")
            return stock, cuts, run

    stock, cuts, run = asyncio.run(work())
    if form == "json":
        report = {
            "kinds": [
                {
                    "kind": s.kind.value,
                    "days": days_of(settings.retention, s.kind),
                    "total": s.total,
                    "due": s.due,
                    "oldest": s.oldest and s.oldest.isoformat(),
                    "before": cuts[s.kind].isoformat() if s.kind in cuts else None,
                }
                for s in stock
            ],
            "run": run and run_to_dict(run),
        }
        click.echo(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        _print(stock, run, days={s.kind: days_of(settings.retention, s.kind) for s in stock})
    sys.exit(1 if run is not None and run.failure else 0)


def _print(stock: Sequence[Stock], run: RetentionRun | None, *, days: Mapping[Kind, int]) -> None:
    console = Console()
    table = Table(
        "",
        Column(r"\[retention]", no_wrap=True),
        Column(say("保存", "kept"), justify="right"),
        Column(say("现有", "in store"), justify="right"),
        Column(say("到期", "due"), justify="right"),
        Column(say("删除", "deleted"), justify="right"),
        box=SIMPLE_HEAD,
    )
    for each in stock:
        kept = say(f"{days[each.kind]} 天", f"{days[each.kind]} days")
        gone = "—" if run is None else str(run.deleted.get(each.kind, 0))
        table.add_row(
            say(*NAMES[each.kind]),
            SETTING[each.kind],
            kept if days[each.kind] else say("永久", "for ever"),
            f"{each.total:,}",
            f"{each.due:,}",
            gone,
        )
    console.print(table)
    if run is None:
        console.print(say("只是查看，没有删除任何内容。", "Only looked; nothing was deleted."))
    elif run.failure:
        console.print(say(f"✕ 中断：{run.failure}", f"✕ stopped: {run.failure}"))
