"""`report`: a coverage report as a file, made at the console without the server."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import Progress

from .. import __version__
from ..coordinator.lessons import check_period
from ..domain.problems import ProblemError
from ..domain.report import About, ReportKind, report_content
from ..reports.child import FILES
from ..reports.worker import Renderer
from .audit import DATE
from .language import say
from .offline import Offline, open_offline
from .settings import report_options, serve_settings

_FORMS: Final = {".pdf": "pdf", ".xlsx": "xlsx", ".zip": "csv"}
_STEPS: Final = {"pdf": ("charts", "pdf"), "xlsx": ("xlsx",), "csv": ("csv",)}


@click.command()
@click.option("--from", "first", type=DATE, required=True, help="First date.")
@click.option("--to", "last", type=DATE, required=True, help="Last date, included.")
@click.option(
    "--language",
    type=click.Choice(["zh", "en"]),
    default="zh",
    help="Language of the report (default: zh).",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="File to write: .pdf, .xlsx, or .zip with a CSV file for each table.",
)
@click.option(
    "--bundle",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the evidence bundle (.zip) that the report was computed from.",
)
@click.pass_obj
def report(
    obj: Any, first: datetime, last: datetime, language: str, out: Path, bundle: Path | None
) -> None:
    """Write a coverage report of a period, with its figures, charts, definitions and hashes.

    It is computed from the facts that are stored now. A month of 48 rooms takes some ten seconds.
    """
    form = _FORMS.get(out.suffix.lower())
    if form is None:
        raise ProblemError(
            "report_form",
            f"--out 的扩展名须为 .pdf、.xlsx 或 .zip，现在是 {out.name}。",
            f"--out must end with .pdf, .xlsx or .zip; {out.name} does not.",
            field="--out",
            value=out.name,
        )
    check_period(first.date(), last.date())
    seats = asyncio.run(_write(obj, first.date(), last.date(), language, form, out, bundle))
    Console().print(say(f"✔ {out}：{seats} 个听讲席", f"✔ {out}: {seats} seats"), highlight=False)


async def _write(
    obj: Any, first: date, last: date, language: str, form: str, out: Path, bundle: Path | None
) -> int:
    with (
        tempfile.TemporaryDirectory(prefix="sync-classroom-report-") as name,
        Progress(console=Console(stderr=True), transient=True) as bar,
    ):
        folder = Path(name)
        async with open_offline(serve_settings(obj.settings)) as services:
            seats, content = await _content(
                obj, services, first, last, language, bundle or folder / "bundle.zip", bar
            )
        task = bar.add_task(say("生成", "drawing"), total=len(_STEPS[form]))

        async def step(text: str) -> None:
            bar.update(task, description=text, advance=1)

        renderer = Renderer(fonts=obj.settings.reports.fonts)
        await renderer.render(content, (form,), folder, step)
        try:
            shutil.copyfile(folder / FILES[form], out)
        except OSError as error:
            raise ProblemError(
                "file_unwritable",
                f"无法写入 {out}：{error.strerror}。请换一个位置。",
                f"Cannot write {out}: {error.strerror}. Choose another place.",
                field="--out",
                value=str(out),
            ) from error
    return seats


async def _content(
    obj: Any, services: Offline, first: date, last: date, language: str, bundle: Path, bar: Progress
) -> tuple[int, dict[str, Any]]:
    """How many seats there are, and what the report prints."""
    task = bar.add_task(say("读取事实", "reading facts"), total=1.0)

    async def read(share: float) -> None:
        bar.update(task, completed=share)

    gathered, coverage = await services.bundles.export(
        bundle, first, last, snapshot=True, progress=read
    )
    assert coverage is not None, "a snapshot was asked for"
    options = report_options(obj.settings)
    about = About(
        ReportKind.PERIOD, language, options.programme, gathered.cut_off, __version__,
        gathered.sha256, gathered.facts, options.targets, gathered.chain,
    )  # fmt: skip
    content = report_content(
        coverage, gathered.plan.roster, about, adjustments=gathered.adjustments
    )
    return len(coverage.seats), content
