"""The thresholds behind every figure: each version with its reason, and how to make a new one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from aiohttp import web

from ...coordinator.coverage import MAX_REASON
from ...domain.fields import MalformedError
from ...domain.problems import ProblemError
from ...domain.rules import Rules, RulesVersion, exact
from ..i18n import mark
from ..problems import STATUS_OF
from .forms import Form, parse_count, parse_day
from .frame import Frame, once, posted, see_other
from .route import BUREAU, PageRoute
from .words import Word

HOME: Final = "/settings/rules"


@dataclass(frozen=True, slots=True)
class Field:
    """One rule as people read it: ratios in percent, the others as whole numbers of a unit."""

    name: str
    title: str
    meaning: str
    percent: bool
    unit: str
    least: int
    most: int


FIELDS: Final = (
    Field("delivered_ratio", mark("送达"),
          mark("一段采样里，发给教室的数据包至少这么多被确认，这段时间才算收到。"),
          True, "%", 1, 100),
    Field("held", mark("已开"),
          mark("有效听讲达到计划时长的这个比例，听讲席算已开。"), True, "%", 1, 100),
    Field("partial", mark("部分"),
          mark("达到这个比例但不够已开，算部分；不到算未开。"), True, "%", 0, 100),
    Field("host_absent", mark("主讲缺席"),
          mark("主讲画面不足计划时长的这个比例，未开的原因记为主讲缺席。"), True, "%", 0, 100),
    Field("weekly_norm", mark("每周课时标准"),
          mark("一所受援校一周至少实开这么多课时，这一周算常态化。"), False,
          mark("个课时"), 1, 100),
    Field("research_min_s", mark("教研最短时长"),
          mark("教师在教研里至少这么久，才算参加。"), False, mark("秒"), 1, 86400),
    Field("research_min_schools", mark("教研最少学校"),
          mark("至少这么多所学校参加，一次教研才算开展。"), False, mark("所"), 1, 100),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One rule that a version changed, as it was and as it is."""

    title: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version: when it is in force, who made it and why, and what it changed."""

    version: RulesVersion
    word: Word
    changes: tuple[Change, ...]


async def show(request: web.Request) -> web.StreamResponse:
    """The rules in force, the form for new ones, and every version."""
    frame = Frame.of(request)
    return await _page(frame, None)


async def save(request: web.Request) -> web.StreamResponse:
    """Make a new version; figures follow, what is published stays."""
    frame = Frame.of(request)
    form = await posted(request)
    latest = (await frame.services.coverage.rules_versions())[-1].rules
    changes = changed(frame, form, latest)
    day = parse_day(form.text("valid_from"))
    if day is None:
        form.wrong("valid_from", frame.t("日期要写成 2026-11-23 的样子。"))
    if form.ok and day is not None:
        try:
            await frame.services.coverage.set_rules(
                changes,
                reason=form.text("reason"),
                valid_from=day,
                actor=frame.user.login,
                key=once(frame, form),
            )
            return see_other(HOME, done="rules")
        except MalformedError as error:
            return await _page(frame, form, problem=frame.tongue.pick(error.zh, error.en))
        except ProblemError as problem:
            said = frame.say(problem)
            if problem.field in ("reason", "valid_from"):
                form.wrong(problem.field, said)
                return await _page(frame, form, status=STATUS_OF[problem.kind])
            return await _page(frame, form, problem=said, status=STATUS_OF[problem.kind])
    return await _page(frame, form, status=422)


def changed(frame: Frame, form: Form, latest: Rules) -> dict[str, int | float]:
    """The values of a form that are not those of the latest version; complaints go into it."""
    values = latest.to_dict()
    found: dict[str, int | float] = {}
    for field in FIELDS:
        text = form.text(field.name)
        if text == written(field, values[field.name]):
            continue
        number = (
            _percent(text)
            if field.percent
            else parse_count(text, least=field.least, most=field.most)
        )
        low, high = (
            (field.least / 100, field.most / 100) if field.percent else (field.least, field.most)
        )
        if number is None or not low <= number <= high:
            form.wrong(
                field.name,
                frame.t(
                    "要填 %(least)s 到 %(most)s 之间的数。", least=field.least, most=field.most
                ),
            )
        elif number != values[field.name]:
            found[field.name] = number
    both = {**values, **found}
    if float(both["partial"]) > float(both["held"]):
        form.wrong("partial", frame.t("「部分」的比例不能高于「已开」的比例。"))
    return found


def _percent(text: str) -> float | None:
    """A percentage with at most two places as a ratio, None for anything else."""
    whole, _, places = text.partition(".")
    digits = whole + places
    if not (digits.isascii() and digits.isdigit() and whole and len(whole) < 4 and len(places) < 3):
        return None
    return float(exact_ratio(digits, len(places)))


def exact_ratio(digits: str, places: int) -> str:
    """`805`, 1 → `0.805`: the ratio as a decimal that was typed as a percentage."""
    shift = places + 2
    padded = digits.rjust(shift + 1, "0")
    return f"{padded[:-shift]}.{padded[-shift:]}"


def written(field: Field, value: Any) -> str:
    """A rule as the form writes it."""
    if not field.percent:
        return str(value)
    return f"{float(exact(value) * 100):g}"


async def _page(
    frame: Frame, form: Form | None, *, problem: str | None = None, status: int = 200
) -> web.Response:
    service = frame.services.coverage
    versions = await service.rules_versions()
    in_force = await service.rules()
    building = await service.building()
    latest = versions[-1].rules.to_dict()
    if form is None:
        form = Form.filled(
            valid_from=_earliest(frame.today, versions).isoformat(),
            **{f.name: written(f, latest[f.name]) for f in FIELDS},
        )
    return frame.render(
        "rules.html",
        status=status if problem is None or status != 200 else 422,
        problem=problem,
        form=form,
        key=secrets.token_hex(8),
        fields=[(f, f"{written(f, in_force.to_dict()[f.name])}") for f in FIELDS],
        rules=in_force,
        building=building,
        rows=version_rows(frame, versions, in_force, building),
        earliest=_earliest(frame.today, versions),
        reason_max=MAX_REASON,
    )


def _earliest(today: date, versions: Sequence[RulesVersion]) -> date:
    return max(today, versions[-1].valid_from or today)


def version_rows(
    frame: Frame, versions: Sequence[RulesVersion], in_force: Rules, building: int | None
) -> tuple[VersionRow, ...]:
    """Every version, latest first."""
    rows: list[VersionRow] = []
    before: Mapping[str, Any] | None = None
    for version in versions:
        values = version.rules.to_dict()
        changes = (
            ()
            if before is None
            else tuple(
                Change(
                    f.title,
                    f"{written(f, before[f.name])} {frame.t(f.unit)}",
                    f"{written(f, values[f.name])} {frame.t(f.unit)}",
                )
                for f in FIELDS
                if before[f.name] != values[f.name]
            )
        )
        rows.append(VersionRow(version, _word(frame, version, in_force, building), changes))
        before = values
    return tuple(reversed(rows))


def _word(frame: Frame, version: RulesVersion, in_force: Rules, building: int | None) -> Word:
    if version.rules == in_force:
        return Word("held", mark("执行中"))
    if version.number == building:
        return Word("live", mark("正在重算"))
    if version.valid_from is not None and version.valid_from > frame.today:
        return Word("waiting", mark("待生效"))
    return Word("ended", mark("已被取代"))


ROUTES = (
    PageRoute("rules", "GET", HOME, show, BUREAU),
    PageRoute("rules-save", "POST", HOME, save, BUREAU),
)
