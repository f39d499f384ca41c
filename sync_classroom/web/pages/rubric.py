"""The rubric that lessons are scored by in research sessions: its items, in both languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from ...domain.problems import ProblemError
from ...domain.rubric import (
    MAX_ENGLISH_NAME,
    MAX_ITEM_NAME,
    MAX_ITEMS,
    MAX_POINTS,
    MAX_WEIGHT,
    Item,
    Rubric,
)
from ..problems import STATUS_OF
from .forms import Form, parse_count
from .frame import Frame, posted, see_other
from .route import ADMIN, PageRoute

HOME: Final = "/settings/rubric"
#: Empty rows below the items, to add some.
MORE: Final = 3
_LAST: Final = 99


async def show(request: web.Request) -> web.StreamResponse:
    """The rubric as a form."""
    frame = Frame.of(request)
    rubric = await frame.services.scoring.rubric()
    return _page(frame, rubric, _filled(rubric))


async def save(request: web.Request) -> web.StreamResponse:
    """Replace the rubric; what cannot be used stays in the form, named."""
    frame = Frame.of(request)
    form = await posted(request)
    service = frame.services.scoring
    version = parse_count(form.text("version"), least=0, most=1_000_000_000)
    rows = _rows(frame, form)
    if form.ok and version is not None:
        try:
            await service.change_rubric([item for _, item in rows], version, by=frame.user.login)
            return see_other(HOME, done="saved")
        except ProblemError as problem:
            _complain(frame, form, problem, [row for row, _ in rows])
            return _page(frame, await service.rubric(), form, status=STATUS_OF[problem.kind])
    return _page(frame, await service.rubric(), form, status=422)


def _rows(frame: Frame, form: Form) -> list[tuple[int, Item]]:
    """(row, item) of every row with a name, in the order that is wanted; complaints go into the
    form."""
    found: list[tuple[int, int, Item]] = []
    for row in range(MAX_ITEMS):
        name = " ".join(form.text(f"name-{row}").split())
        if not name:
            continue
        weight = _number(frame, form, f"weight-{row}", MAX_WEIGHT)
        most = _number(frame, form, f"most-{row}", MAX_POINTS)
        place = _LAST
        if form.text(f"place-{row}"):
            place = _number(frame, form, f"place-{row}", _LAST)
        english = " ".join(form.text(f"english-{row}").split())
        found.append((place, row, Item(name, weight, most, english)))
    found.sort(key=lambda each: each[:2])
    return [(row, item) for _, row, item in found]


def _number(frame: Frame, form: Form, field: str, most: int) -> int:
    text = form.text(field)
    value = parse_count(text, least=1, most=most)
    if value is None:
        form.wrong(
            field,
            frame.t("要填 1 到 %(most)s 的整数，不能是「%(given)s」。", most=most, given=text[:20]),
        )
    return value or 1


def _complain(frame: Frame, form: Form, problem: ProblemError, rows: Sequence[int]) -> None:
    """Put the sentence where the item was typed."""
    kind, _, number = (problem.field or "").partition("-")
    field = f"name-{rows[int(number)]}" if kind == "item" else "form"
    form.wrong(field, frame.say(problem))


def _filled(rubric: Rubric) -> Form:
    values = {"version": str(rubric.version)}
    for row, item in enumerate(rubric.items):
        values |= {
            f"place-{row}": str(row + 1), f"name-{row}": item.name, f"english-{row}": item.english,
            f"weight-{row}": str(item.weight), f"most-{row}": str(item.most),
        }  # fmt: skip
    return Form.filled(**values)


def _page(frame: Frame, rubric: Rubric, form: Form, *, status: int = 200) -> web.Response:
    typed = max((row + 1 for row in range(MAX_ITEMS) if form.text(f"name-{row}")), default=0)
    return frame.render(
        "rubric.html",
        status=status,
        problem=form.errors.get("form"),
        form=form,
        rubric=rubric,
        rows=range(min(MAX_ITEMS, typed + MORE)),
        weights=sum(item.weight for item in rubric.items),
        most_items=MAX_ITEMS,
        name_max=MAX_ITEM_NAME,
        english_max=MAX_ENGLISH_NAME,
        weight_max=MAX_WEIGHT,
        points_max=MAX_POINTS,
        place_max=_LAST,
    )


ROUTES = (
    PageRoute("rubric", "GET", HOME, show, ADMIN),
    PageRoute("rubric-save", "POST", HOME, save, ADMIN),
)
