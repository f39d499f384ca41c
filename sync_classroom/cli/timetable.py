"""`timetable`: the plan at the console."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ..domain.bookings import Clash, ResourceKind
from ..domain.conflicts import Sweep
from ..domain.roster import Classroom, Roster, SchoolClass, Teacher
from ..domain.warnings import PlanWarning, WarningCheck, WarningRule
from ..exchange.plan_file import open_plan
from .language import say

# More rows than this nobody reads at a console; JSON has all of them.
_MOST_ROWS: Final = 100
_BLOCKED: Final = 1

_KINDS_ZH: Final = {
    ResourceKind.CLASSROOM: "教室",
    ResourceKind.TEACHER: "教师",
    ResourceKind.CLASS: "班级",
}
_RULES_ZH: Final = {
    WarningRule.NOT_TEACHING: "受援校当天不上课",
    WarningRule.LOCAL_BREAK: "占用受援校课间或午休",
    WarningRule.NOT_COMMISSIONED: "教室未启用或已停用",
    WarningRule.CAPACITY: "应到人数超过教室容量",
    WarningRule.UNMAPPED_DAY: "调休日未指定按周几上课",
    WarningRule.NO_ASSISTANT: "未指定助教",
}


@click.group()
def timetable() -> None:
    """The timetable: checks of a plan."""


@timetable.command("check")
@click.argument("plan", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    help="Tables for people, or JSON with everything that was found.",
)
@click.option(
    "--setup-gap",
    "gap_s",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seconds to be kept between two uses of a room, teacher or class.",
)
@click.pass_context
def timetable_check(ctx: click.Context, plan: Path, form: str, gap_s: int) -> None:
    """Find every clash and warning of a plan: a plan.json, a folder with one, or a bundle.

    Ends with 0 if nothing is booked twice (warnings or not), 1 if something is, 2 if the plan
    cannot be read.
    """
    file = open_plan(plan)
    sweep, check = Sweep(gap_s=gap_s), WarningCheck(file.roster)
    for occurrence in file.occurrences():
        sweep.add(occurrence)
        check.add(occurrence)
    blocks, warnings = sweep.clashes(), check.warnings()
    if form == "json":
        lines = (f"{line}\n" for line in _json(blocks, warnings))
        sys.stdout.writelines(lines)
    else:
        _print(blocks, warnings, file.roster, Console())
    if blocks:
        ctx.exit(_BLOCKED)


def _json(blocks: Sequence[Clash], warnings: Sequence[PlanWarning]) -> Iterator[str]:
    """The answer as JSON text, one finding a line."""
    yield '{"blocks": ['
    yield from _items(
        {
            "resource": {"kind": block.kind.value, "id": block.resource},
            "occurrences": list(block.occurrences),
        }
        for block in blocks
    )
    yield '], "warnings": ['
    yield from _items(
        {"rule": warning.rule.value, "occurrence": warning.occurrence, "seat": warning.seat}
        for warning in warnings
    )
    yield "]}"


def _items(values: Iterable[dict[str, object]]) -> Iterator[str]:
    comma = " "
    for value in values:
        yield f"{comma}{json.dumps(value, ensure_ascii=False)}"
        comma = ","


def _print(
    blocks: Sequence[Clash], warnings: Sequence[PlanWarning], roster: Roster, console: Console
) -> None:
    if blocks:
        zone = ZoneInfo(roster.timezone)
        table = _table(("冲突", "clash"), ("时间", "time"), ("课次", "lessons"))
        for block in blocks[:_MOST_ROWS]:
            start, end = block.from_at.astimezone(zone), block.to_at.astimezone(zone)
            kind = say(_KINDS_ZH[block.kind], block.kind.value)
            table.add_row(
                f"{kind} {_name(block, roster)}",
                f"{start:%Y-%m-%d %H:%M}–{end:%H:%M}",
                "\n".join(dict.fromkeys(block.occurrences)),
            )
        console.print(table)
        _print_rest(len(blocks), console)
    if warnings:
        table = _table(("提醒", "warning"), ("课次", "lesson"), ("听讲席", "seat"))
        for warning in warnings[:_MOST_ROWS]:
            table.add_row(
                say(_RULES_ZH[warning.rule], warning.rule.value),
                warning.occurrence,
                warning.seat or "",
            )
        console.print(table)
        _print_rest(len(warnings), console)
        for rule, times in Counter(w.rule for w in warnings).most_common():
            console.print(say(f"{_RULES_ZH[rule]}：{times}", f"{rule}: {times}"), highlight=False)
    console.print(
        say(
            f"冲突 {len(blocks)} 处，提醒 {len(warnings)} 条。",
            f"{len(blocks)} clashes, {len(warnings)} warnings.",
        ),
        highlight=False,
    )


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for zh, en in columns:
        # Ids are copied whole, and times stay on one line.
        table.add_column(say(zh, en), overflow="fold", no_wrap=en == "time")
    return table


def _print_rest(found: int, console: Console) -> None:
    if found > _MOST_ROWS:
        more = found - _MOST_ROWS
        console.print(
            say(f"另有 {more} 条，用 --format json 查看全部。", f"{more} more: --format json."),
            highlight=False,
        )


def _name(block: Clash, roster: Roster) -> str:
    """The school and name of what is booked twice, and its id."""
    tables: dict[ResourceKind, Mapping[Any, Classroom | Teacher | SchoolClass]] = {
        ResourceKind.CLASSROOM: roster.classrooms,
        ResourceKind.TEACHER: roster.teachers,
        ResourceKind.CLASS: roster.classes,
    }
    thing = tables[block.kind][block.resource]
    return f"{roster.schools[thing.school].name} {thing.name}\n{block.resource}"
