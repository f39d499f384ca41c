"""`coverage`: figures at the server's own console, and the proof that they follow from facts."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import date, datetime, timedelta
from typing import Any, Final

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from ..coordinator.coverage import ChainBreak
from ..domain.coverage import CoverageFigures
from ..domain.snapshot import Difference
from ..domain.spans import next_month
from .figures import cell, measure_name
from .language import say
from .offline import Offline, open_offline
from .plan import DATE, today_of
from .settings import serve_settings


@click.group(invoke_without_command=True)
@click.option("--from", "first", type=DATE, help="First date (default: today).")
@click.option("--to", "last", type=DATE, help="Last date (default: the first).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    help="A table for people, or JSON in the audit's layout.",
)
@click.pass_context
def coverage(
    context: click.Context, first: datetime | None, last: datetime | None, form: str
) -> None:
    """Coverage of a period: what was planned, what was really received."""
    if context.invoked_subcommand is not None:
        return

    async def work() -> None:
        async with open_offline(serve_settings(context.obj.settings)) as services:
            begin = first.date() if first else today_of(services)
            end = last.date() if last else begin
            # A server may not be running; what has not been counted is counted here.
            await services.coverage.settle()
            if form == "table":
                figures = await services.coverage.figures(begin, end)
                await print_coverage(services, figures, Console())
                return
            report = await services.coverage.report(begin, end)
            click.echo(json.dumps(report, ensure_ascii=False, indent=1, sort_keys=True))

    asyncio.run(work())


@coverage.command()
@click.option("--from", "first", type=DATE, help="First date (default: of the first lesson).")
@click.option("--to", "last", type=DATE, help="Last date (default: of the last lesson).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    help="Lines for people, or JSON.",
)
@click.pass_obj
def verify(obj: Any, first: datetime | None, last: datetime | None, form: str) -> None:
    """Recompute every figure from raw facts and compare with what is kept; follow the facts' chain.

    Terminals' own journals are held against their seals, and the second opinions against both.

    Exit code 0: all equal; 1: something differs, and what.
    """

    async def work() -> tuple[list[Difference], tuple[ChainBreak, ...]]:
        async with open_offline(serve_settings(obj.settings)) as services:
            await services.coverage.settle()
            found: list[Difference] = []
            for begin, end in await _pieces(services, first, last):
                found += await services.coverage.verify(begin, end)
                found += await services.journals.verify(begin, end)
            return found, await services.coverage.verify_chain()

    found, broken = asyncio.run(work())
    if form == "json":
        report = {
            "differences": [d.to_dict() for d in found],
            "chain": [{"day": b.day.isoformat(), "kept": b.kept, "found": b.found} for b in broken],
        }
        click.echo(json.dumps(report, ensure_ascii=False, indent=1, default=str))
    else:
        _print_verified(found, broken, Console())
    sys.exit(1 if found or broken else 0)


async def _pieces(
    services: Offline, first: datetime | None, last: datetime | None
) -> list[tuple[date, date]]:
    """The period asked for; without one every month that has a lesson, one by one."""
    planned = await services.coverage.plan_dates()
    if planned is None:
        return []
    begin = first.date() if first else planned[0]
    end = last.date() if last else planned[1]
    if first and last:
        return [(begin, end)]
    pieces = []
    while begin <= end:
        month_ends = next_month(begin) - timedelta(days=1)
        pieces.append((begin, min(month_ends, end)))
        begin = next_month(begin)
    return pieces


def _print_verified(
    found: list[Difference], broken: tuple[ChainBreak, ...], console: Console
) -> None:
    for each in found:
        line = say(
            f"✕ {each.path}：保存 {each.published}，重算 {each.found}",
            f"✕ {each.path}: kept {each.published}, recomputed {each.found}",
        )
        console.print(line, highlight=False, markup=False)
    for one in broken:
        line = say(
            f"✕ {one.day} 的事实链不符：{one.count} 条，现有 {one.found_count} 条",
            f"✕ the facts' chain of {one.day} is broken: {one.count} facts, {one.found_count} now",
        )
        console.print(line, highlight=False, markup=False)
    if not found and not broken:
        console.print(say("✔ 与原始事实完全一致", "✔ equal to the raw facts"), highlight=False)


TABLE_MEASURES: Final = ("due_periods", "held_periods", "held_rate", "credited_s")
FURTHER_MEASURES: Final = (
    "school_coverage",
    "classroom_coverage",
    "host_rate",
    "evidence_complete",
)


async def print_coverage(services: Offline, coverage: CoverageFigures, console: Console) -> None:
    """Headline figures and one row a school, as tables, and what of it is not over yet."""
    figures = coverage.to_dict()
    schools = services.roster.current().schools
    totals = figures["totals"]
    headers = [Column(measure_name(m), justify="right") for m in TABLE_MEASURES]
    period = figures["period"]
    table = Table(
        "", *headers, title=f"{period['from']} – {period['to']}", box=SIMPLE_HEAD, pad_edge=False
    )
    for school, measures in figures["by_school"].items():
        if measures["due_periods"] or measures["credited_s"]:
            name = schools[school].name if school in schools else school
            table.add_row(name, *(cell(measures[m]) for m in TABLE_MEASURES))
    table.add_section()
    table.add_row("Σ", *(cell(totals[m]) for m in TABLE_MEASURES), style="bold")
    console.print(table)
    for measure in FURTHER_MEASURES:
        console.print(
            f"{measure_name(measure)}{say('：', ': ')}{cell(totals[measure])}", highlight=False
        )
    assert coverage.first is not None
    assert coverage.last is not None
    unfinished = await services.coverage.pending(coverage.first, coverage.last)
    if pending := sum(seat.periods for seat in unfinished):
        console.print(
            say(
                f"其中 {pending} 课时还没上完，暂按未开计。",
                f"{pending} of the due periods are not over yet and count as not held so far.",
            )
        )
