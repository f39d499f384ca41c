"""What every form of the calendar does with what was typed: reason, history, whoever was faster."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Final

from aiohttp import web

from ...domain.calendar_edits import Edited, Subject
from ...domain.ids import checked
from ...domain.problems import ProblemError, ProblemKind
from ..problems import STATUS_OF
from .calendar import EditLine, edit_line
from .forms import Form, parse_count, parse_day
from .frame import Frame, once, see_other

HISTORY: Final = 20


async def save(
    frame: Frame,
    form: Form,
    subjects: Sequence[Subject],
    fields: frozenset[str],
    *,
    done: str,
    again: Callable[[int], Awaitable[web.Response]],
) -> web.StreamResponse:
    """Make the edit and go and look, or show the form with every complaint beside its field.

    Somebody else's edit in the meantime is shown too; what was typed stays, and saving again means
    that it was seen.
    """
    status = STATUS_OF[ProblemKind.INVALID]
    if not form.text("reason"):
        form.wrong("reason", frame.t("请写明原因，以后查得到。"))
    if form.ok:
        try:
            await frame.services.calendar.edit(
                *subjects,
                reason=form.text("reason"),
                seen=parse_count(form.text("seen"), least=0, most=10**9) or 0,
                actor=frame.user.login,
                key=once(frame, form),
            )
        except ProblemError as problem:
            form.wrong(problem.field if problem.field in fields else "form", frame.say(problem))
            status = STATUS_OF[problem.kind]
        else:
            return see_other(done, done="calendar")
    return await again(status)


async def history(frame: Frame, kind: Edited, subject: str) -> list[EditLine]:
    """The last edits of a subject, newest first; none of one that is not there yet."""
    if not subject:
        return []
    found = await frame.services.calendar.edits(kind=kind, subject=subject, limit=HISTORY)
    return [edit_line(frame, e) for e in found]


def blank(prefix: str, **fields: str) -> Form:
    """A new thing has its id from the beginning, so that a repeated request is the same one."""
    return Form.filled(id=f"{prefix}-{secrets.token_hex(4)}", key=secrets.token_hex(16), **fields)


def ident(form: Form, prefix: str) -> str:
    """The id that the form has had from the beginning, or a new one if it is no id."""
    try:
        return checked(form.text("id"))
    except ValueError:
        return f"{prefix}-{secrets.token_hex(4)}"


def needed_day(frame: Frame, form: Form, name: str) -> date | None:
    """A date that must be given."""
    found = optional_day(frame, form, name)
    if found is None:
        form.wrong(name, frame.t("请填写日期。"))
    return found


def optional_day(frame: Frame, form: Form, name: str) -> date | None:
    """A date that may be left out; what is no date is said at its field."""
    text = form.text(name)
    found = parse_day(text)
    if text and found is None:
        form.wrong(name, frame.t("「%(value)s」不是日期；请写成 2026-11-23 的样子。", value=text))
        return None
    return found


def missing() -> ProblemError:
    """What the address names is not there."""
    return ProblemError(
        "calendar_unknown",
        "校历里没有这一项，链接可能过时了。请回到校历重新选择。",
        "The calendar has no such entry; the link may be old. Go back to the calendar.",
        kind=ProblemKind.NOT_FOUND,
    )
