"""`audit` and `bundle`: figures recomputed from an evidence bundle alone, and the bundle itself."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ..domain.coverage import Coverage, summarise
from ..domain.evidence import Evidence, SeatKey
from ..domain.facts import Fact, TerminalJournal
from ..domain.problems import ProblemError
from ..domain.second_opinion import Notes, SecondOpinions, Verdict, opinions_of
from ..domain.snapshot import Difference, differences
from ..domain.terminal_journal import SealCheck
from ..exchange.bundle_files import Bundle, open_bundle
from .figures import cell, measure_name
from .language import say
from .offline import open_offline
from .settings import serve_settings

DATE: Final = click.DateTime(formats=["%Y-%m-%d"])
# Further than any term; crediting needs the days beside the period, figures do not.
_FIRST_DAY: Final = date(2000, 1, 1)
_LAST_DAY: Final = date(2100, 1, 1)


@click.command()
@click.argument("bundle", type=click.Path(exists=True, path_type=Path))
@click.option("--from", "first", type=DATE, help="First date (default: of the first lesson).")
@click.option("--to", "last", type=DATE, help="Last date (default: of the last lesson).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    help="A table for people, or JSON with every measure.",
)
def audit(bundle: Path, first: datetime | None, last: datetime | None, form: str) -> None:
    """Recompute every figure from BUNDLE (.zip or folder), with nothing else.

    Checks the hashes and compares with the published figures, if the bundle has any. Exit code 0:
    all equal; 1: something differs, and what; 2: malformed, with record or line and reason.
    """
    begin, end = first and first.date(), last and last.date()
    if begin is not None and end is not None and end < begin:
        raise ProblemError(
            "period_invalid",
            "--to 早于 --from，请交换两个日期。",
            "--to is before --from; exchange the two dates.",
            field="--to",
            value=end,
        )
    with open_bundle(bundle) as opened:
        coverage, second, found = _recompute(opened, begin, end)
    if form == "json":
        verified = {
            "manifest": _word(opened.stated, found, "sha256."),
            "snapshot": _word(opened.snapshot, found, "snapshot"),
            "differences": [d.to_dict() for d in found],
        }
        report = {
            **coverage.to_dict(),
            "second_opinion": second and second.to_dict(),
            "verification": verified,
        }
        click.echo(json.dumps(report, ensure_ascii=False, indent=1, sort_keys=True))
    else:
        _print(opened, coverage, second, found)
    sys.exit(1 if found else 0)


def _recompute(
    bundle: Bundle, first: date | None, last: date | None
) -> tuple[Coverage, SecondOpinions | None, list[Difference]]:
    """The figures asked for, what terminals say of them, and all that differs."""
    seals = SealCheck()
    evidence = Evidence.of(_noticing(bundle.facts(), seals), bundle.rules)
    coverage = summarise(bundle.plan, evidence, rules=bundle.rules, first=first, last=last)
    second = second_opinions(bundle, evidence, seals, coverage)
    found = list(bundle.tampered())
    found += [Difference(f"terminal_journals.{j}", "sealed", "differs") for j in seals.broken]
    snapshot = bundle.snapshot
    if snapshot is not None:
        # What was published is compared over its own period, whichever is printed.
        same = (first, last) == (snapshot.first, snapshot.last)
        own = coverage if same else summarise(
            bundle.plan, evidence, rules=bundle.rules, first=snapshot.first, last=snapshot.last
        )  # fmt: skip
        found += [
            Difference(f"snapshot.{d.path}", d.published, d.found)
            for d in differences(snapshot.figures, json.loads(json.dumps(own.to_dict())))
        ]
    return coverage, second, found


def _noticing(facts: Iterator[Fact], seals: SealCheck) -> Iterator[Fact]:
    for fact in facts:
        if isinstance(fact, TerminalJournal):
            seals.seal(fact)
        yield fact


def second_opinions(
    bundle: Bundle, evidence: Evidence, seals: SealCheck, coverage: Coverage
) -> SecondOpinions | None:
    """What the terminals of the bundle say, held against seals and relay; None if they are silent.

    Of the period's seats; samples are read once, and none of them is kept.
    """
    samples = bundle.samples()
    if samples is None:
        return None
    notes: dict[SeatKey, Notes] = {}
    for journal, group in groupby(samples, lambda s: s.journal):
        some = list(group)
        seals.check(journal, some)
        for sample in some:
            notes.setdefault((sample.occurrence, sample.seat), Notes()).add(sample)
    lessons = dict.fromkeys(s.occurrence.id for s in coverage.seats)
    plan = bundle.plan.occurrences
    return SecondOpinions(
        opinions_of((plan[o] for o in lessons), evidence, notes), seals.sealed, len(seals.absent)
    )


def _said(second: SecondOpinions | None) -> str:
    """One sentence about what terminals say."""
    if second is None:
        return say("第二意见：包内没有终端日志", "Second opinion: no terminals' journals in it")
    counts = second.counts
    return say(
        f"第二意见（终端日志）：{len(second.opinions)} 个听讲席，一致 {counts[Verdict.AGREES]}，"
        f"终端较少 {counts[Verdict.LESS]}，终端较多 {counts[Verdict.MORE]}；"
        f"封条核对 {second.sealed} 份，另有封条而无日志（到期删除或未随包） {second.absent} 份",
        f"Second opinion (terminals' journals): {len(second.opinions)} seats,"
        f" {counts[Verdict.AGREES]} agree, {counts[Verdict.LESS]} saw less,"
        f" {counts[Verdict.MORE]} saw more; {second.sealed} journals as sealed,"
        f" {second.absent} sealed but not in the bundle (deleted in time, or left out)",
    )


def _word(there: object, found: list[Difference], prefix: str) -> str:
    if not there:
        return "absent"
    return "differs" if any(d.path.startswith(prefix) for d in found) else "equal"


_MEASURES: Final = (
    "due_periods",
    "held_periods",
    "held_rate",
    "credited_s",
    "fidelity",
    "host_rate",
    "host_periods",
    "school_coverage",
    "classroom_coverage",
    "class_coverage",
    "build_progress",
    "regular_rate",
    "pupils_reached",
    "pupil_attendances",
    "interaction_rate",
    "research_held",
    "push_open_rate",
    "push_completion_rate",
    "evidence_complete",
)


def _print(
    bundle: Bundle, coverage: Coverage, second: SecondOpinions | None, found: list[Difference]
) -> None:
    console = Console()
    figures = coverage.to_dict()
    period = figures["period"]
    table = Table("", "", box=SIMPLE_HEAD, show_header=False, pad_edge=False)
    for measure in _MEASURES:
        table.add_row(measure_name(measure), cell(figures["totals"][measure]))
    table.title = f"{period['from']} – {period['to']}"
    console.print(table)
    rules = bundle.rules
    console.print(
        say(f"规则：{rules.name} {rules.version}", f"Rules: {rules.name} {rules.version}")
    )
    console.print(_said(second), highlight=False)
    checked = [
        (say("文件校验", "Hashes"), _word(bundle.stated, found, "sha256.")),
        (say("已发布数字", "Published figures"), _word(bundle.snapshot, found, "snapshot")),
    ]
    words = {
        "absent": say("包内没有", "not in the bundle"),
        "equal": say("✔ 一致", "✔ equal"),
        "differs": say("✕ 不一致", "✕ differ"),
    }
    for name, word in checked:
        console.print(f"{name}: {words[word]}", highlight=False)
    for each in found:
        console.print(
            say(
                f"  {each.path}：发布 {each.published}，重算 {each.found}",
                f"  {each.path}: published {each.published}, found {each.found}",
            ),
            highlight=False,
            markup=False,
        )


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--from", "first", type=DATE, help="First date (default: everything).")
@click.option("--to", "last", type=DATE, help="Last date (default: everything).")
@click.pass_obj
def bundle(obj: Any, file: Path, first: datetime | None, last: datetime | None) -> None:
    """Write plan, facts and rules to FILE (.zip) for an auditor, who needs nothing else.

    With a period, the days beside it come along, since a minute of a room credits the first of the
    lessons that share it; audit with the same --from and --to.
    """

    async def work() -> int:
        async with open_offline(serve_settings(obj.settings)) as services:
            begin = first.date() if first else _FIRST_DAY
            end = last.date() if last else _LAST_DAY
            gathered, _ = await services.bundles.export(file, begin, end)
            return gathered.facts.total()

    count = asyncio.run(work())
    Console().print(say(f"✔ {file}：{count} 条事实", f"✔ {file}: {count} facts"), highlight=False)
