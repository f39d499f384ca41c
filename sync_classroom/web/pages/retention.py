"""How long what is kept, what lies in store by kind and age, and what was deleted when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiohttp import web

from ...coordinator.retention import SCHEDULE
from ...domain.problems import ProblemError
from ...domain.retention import SETTING, Kind, RetentionRun, Stock, days_of
from ..i18n import mark
from ..problems import STATUS_OF
from .forms import Form
from .frame import Frame, posted, see_other
from .route import ADMIN, PageRoute

HOME: Final = "/settings/retention"
RUNS: Final = 60

#: Each kind's name, and what is in it.
WORDS: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.TERMINAL_SAMPLES: (
        mark("终端日志的样本"),
        mark("教室终端自己记下的收听情况，每 10 秒一条；封条和结论保留。"),
    ),
    Kind.DEVICES: (mark("已吊销的设备"), mark("换下来的终端：名称、版本、最后在线时间。")),
    Kind.SELFCHECKS: (mark("终端自检结果"), mark("每台终端最近一次自检。")),
    Kind.HELP_CALLS: (mark("求助记录"), mark("教室何时求助、当时的终端状态、谁接手的。")),
    Kind.NOTICES: (mark("课表变动通知"), mark("通知了谁、何时看到的回执。")),
    Kind.ACCESS_LOG: (mark("查阅记录"), mark("谁看过、取走过数字和报告。")),
    Kind.FEEDS: (mark("已停用的日历订阅"), mark("已结束的，以及停用账号建立的。")),
    Kind.DOCUMENTS: (mark("课件文档"), mark("给课次展示用的文档，连同各页的图片。")),
    Kind.REPORTS: (mark("未发布报告的文件"), mark("发布过的报告永久保存。")),
    Kind.MEDIA: (mark("课堂录像"), mark("画面和声音由媒体服务删除，录像的记录保留。")),
}
AGE_WORDS: Final = (
    mark("30 天内"), mark("31–180 天"), mark("181–365 天"), mark("一年以上"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One kind: its words, its rule, and what lies in store."""

    stock: Stock
    name: str
    what: str
    rule: str
    setting: str
    oldest: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run that deleted something, in words."""

    run: RetentionRun
    day: str
    who: str
    lines: tuple[str, ...]


def _day(frame: Frame, at: datetime) -> str:
    """The civil date of an instant, with its year: these lie far back."""
    day = frame.format.civil(at)
    return frame.format.date_range(day, day)


async def show(request: web.Request) -> web.StreamResponse:
    """Rules in words, the store by kind and age, and the latest deletions."""
    return await _show(Frame.of(request), Form())


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete what is due now, if that was confirmed."""
    frame = Frame.of(request)
    form = await posted(request)
    if form.text("confirm") != "yes":
        form.wrong("confirm", frame.t("删除后不能恢复：请先勾选确认。"))
        return await _show(frame, form, status=422)
    try:
        _, whole = await frame.services.retention.delete_now(frame.user)
    except ProblemError as problem:
        form.wrong("form", frame.say(problem))
        return await _show(frame, form, status=STATUS_OF[problem.kind])
    return see_other(HOME, done="retention-done" if whole else "retention-part")


async def _show(frame: Frame, form: Form, *, status: int = 200) -> web.Response:
    service = frame.services.retention
    stocks = await service.stock()
    due = [s for s in stocks if s.due and s.kind is not Kind.MEDIA]
    return frame.render(
        "retention.html",
        status=status,
        problem=form.errors.get("form"),
        form=form,
        due=[(WORDS[s.kind][0], s.due) for s in due],
        rows=[_row(frame, stock) for stock in stocks],
        ages=AGE_WORDS,
        facts=await service.kept_facts(),
        runs=[_run(frame, run) for run in await service.runs(RUNS)],
        last=await service.last_run(),
    )


def _row(frame: Frame, stock: Stock) -> Row:
    days = days_of(frame.services.retention.rules, stock.kind)
    name, what = WORDS[stock.kind]
    rule = frame.t("满 %(n)s 天删除", n=days) if days else frame.t("永久保存")
    return Row(
        stock,
        name,
        what,
        rule,
        f"{SETTING[stock.kind]} = {days}",
        _day(frame, stock.oldest) if stock.oldest else "—",
    )


def _run(frame: Frame, run: RetentionRun) -> RunRow:
    lines = tuple(
        frame.t(
            "%(name)s %(n)s 条（%(at)s 以前）",
            name=frame.t(WORDS[kind][0]),
            n=count,
            at=_day(frame, run.before[kind]),
        )
        for kind, count in run.deleted.items()
        if count
    )
    who = frame.t("服务器（定时）") if run.by == SCHEDULE else run.by
    return RunRow(run, _day(frame, run.began_at), who, lines)


ROUTES = (
    PageRoute("retention", "GET", HOME, show, ADMIN),
    PageRoute("retention-delete", "POST", HOME + "/delete", delete, ADMIN),
)
