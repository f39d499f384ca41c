"""What can be wrong with a report, for people."""

from __future__ import annotations

from collections.abc import Sequence

from ..domain.problems import ProblemError, ProblemKind
from ..domain.publications import Publication, Report


def bad_form(language: str, formats: Sequence[str]) -> ProblemError:
    """A language or a format there is not."""
    return ProblemError(
        "report_form",
        "报告语言须为 zh 或 en，格式须为 pdf、xlsx、csv 中的一种或几种。",
        "A report is in zh or en, and in one or more of pdf, xlsx, csv.",
        field="formats",
        value=f"{language}: {', '.join(formats)}"[:96],
    )


def too_many(waiting: int) -> ProblemError:
    """The queue is full."""
    return ProblemError(
        "reports_waiting",
        f"已有 {waiting} 份报告在等待生成，请稍后再申请。",
        f"{waiting} reports are waiting already; ask again a little later.",
        kind=ProblemKind.TOO_MANY,
        retry_after_s=60,
    )


def kept(ident: str) -> ProblemError:
    """A published report shall be removed."""
    return ProblemError(
        "report_published",
        "这份报告已经发布，不能删除。",
        "This report was published and cannot be removed.",
        kind=ProblemKind.CONFLICT,
        value=ident,
    )


def published(made: Publication) -> ProblemError:
    """A published report shall be published once more, by another or with another note."""
    return ProblemError(
        "report_published",
        f"这份报告已由 {made.by} 发布（第 {made.no} 号）。已发布的不再改动；需要更正时，"
        "请重新生成一份再发布。",
        f"This report was published by {made.by} (no. {made.no}). What is published does"
        " not change; to correct it, make a new report and publish that.",
        kind=ProblemKind.CONFLICT,
        value=made.report,
    )


def no_publication(no: int) -> ProblemError:
    """A number nobody gave."""
    return ProblemError(
        "publication_unknown",
        f"没有第 {no} 号发布。请回到报告页查看。",
        f"There is no publication {no}; the page of reports lists them.",
        kind=ProblemKind.NOT_FOUND,
        value=no,
    )


def unknown(ident: str) -> ProblemError:
    """No such report."""
    return ProblemError(
        "report_unknown",
        "没有这份报告，它可能已被删除。请回到报告页查看。",
        "There is no such report; it may have been removed. The page of reports lists them.",
        kind=ProblemKind.NOT_FOUND,
        value=ident[:96],
    )


def no_file(report: Report, place: str) -> ProblemError:
    """A file that is not here; `place` is where one looks."""
    if report.place != place:
        return ProblemError(
            "report_elsewhere",
            "这份报告的文件在另一台服务器的数据目录中。请在那台服务器上打开，或在这里重新生成。",
            "The files of this report are in the data folder of another server. Open it there, or"
            " make it again here.",
            kind=ProblemKind.NOT_FOUND,
            value=report.place,
        )
    return ProblemError(
        "report_file",
        "没有这个文件。报告可能还没有生成完，或者没有选这种格式。",
        "There is no such file: the report is not done yet, or not in this format.",
        kind=ProblemKind.NOT_FOUND,
        value=report.id,
    )


def unfinished(report: Report) -> ProblemError:
    """A report that is not done."""
    return ProblemError(
        "report_unfinished",
        "报告还没有生成成功。请等它完成；失败的请重新生成。",
        "The report is not done. Wait for it; one that failed has to be made again.",
        kind=ProblemKind.CONFLICT,
        value=report.state.value,
    )


def defect() -> ProblemError:
    """Something that should not have happened."""
    return ProblemError(
        "report_failed",
        "报告没有生成成功，原因已记入日志。请重试；若再次发生请联系管理员。",
        "The report could not be made; the log says why. Try again, and tell an administrator if it"
        " happens again.",
        kind=ProblemKind.UNAVAILABLE,
    )
