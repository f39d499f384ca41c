"""What people are told when a draft cannot be worked on as they asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any, Final

from ..domain.draft_acts import ActKind, DraftAct
from ..domain.problems import ProblemError, ProblemKind
from ..domain.working_copy import Images, Step

# A sentence names so many; the value has more, and the draft itself everything.
_NAMED: Final = 3
_LISTED: Final = 20

_ZH: Final = {
    ActKind.EDIT: "修改",
    ActKind.UNDO: "撤销",
    ActKind.REDO: "重做",
    ActKind.DISCARD: "放弃草稿",
    ActKind.PUBLISH: "发布",
    ActKind.AMEND: "临时调整",
}
_EN: Final = {
    ActKind.EDIT: "an edit",
    ActKind.UNDO: "an undo",
    ActKind.REDO: "a redo",
    ActKind.DISCARD: "discarding the draft",
    ActKind.PUBLISH: "publishing",
    ActKind.AMEND: "a change at short notice",
}


class DraftChangedError(ProblemError):
    """Others were here since the editor looked. `value` is a bounded list of what they did:
    `{"kind", "by", "at", "revision", "lessons", "series"}`, the last two only what is shared."""


def unknown_term(term: str) -> ProblemError:
    """There is no such term."""
    return ProblemError(
        "unknown_term",
        f"没有编号为“{term[:96]}”的学期。请从校历中选择。",
        f"There is no term {term[:96]!r}. Choose one of the calendar.",
        kind=ProblemKind.NOT_FOUND,
        field="term",
        value=term[:96],
    )


def seen_unknown(seen: int) -> ProblemError:
    """The editor says to have seen what there is not yet."""
    return ProblemError(
        "seen_unknown",
        f"草稿没有第 {seen} 版。请重新打开课表。",
        f"The draft has no revision {seen} yet. Open the timetable again.",
        field="seen",
        value=seen,
    )


def draft_changed(
    acts: Sequence[DraftAct], touched: Images | None, zone: tzinfo
) -> DraftChangedError:
    """The refusal of what was asked upon old news.

    `touched` is what the editor wanted to change, None if it was the whole draft.
    """
    listed = [_listed(a, touched) for a in acts[-_LISTED:]]
    shown = acts[-_NAMED:]
    zh = "、".join(f"{a.by} {a.at.astimezone(zone):%H:%M} {_ZH[a.kind]}" for a in shown)
    en = ", ".join(f"{a.by} at {a.at.astimezone(zone):%H:%M} by {_EN[a.kind]}" for a in shown)
    return DraftChangedError(
        "draft_changed",
        f"您打开之后，草稿已有变动（{zh or '较早'}）。您的操作没有执行，也没有丢失别人的修改；"
        "请看过最新草稿后再做。",
        f"The draft was changed since you looked ({en or 'some time ago'}). Nothing was done and"
        " nothing of others is lost; look at the draft as it is now and try again.",
        kind=ProblemKind.CONFLICT,
        field="seen",
        value=listed,
    )


def _listed(act: DraftAct, touched: Images | None) -> dict[str, Any]:
    lessons, series = act.occurrences, act.series
    if touched is not None:
        lessons = lessons & touched.occurrences.keys()
        series = series & touched.series.keys()
    return {
        "kind": act.kind.value,
        "by": act.by,
        "at": act.at.isoformat(),
        "revision": act.revision,
        "lessons": sorted(lessons)[:_LISTED],
        "series": sorted(series)[:_LISTED],
    }


def nothing_to_undo() -> ProblemError:
    """The actor has no step that stands."""
    return ProblemError(
        "nothing_to_undo",
        "您在这份草稿里没有可以撤销的操作。",
        "There is nothing of yours to undo in this draft.",
        kind=ProblemKind.CONFLICT,
    )


def nothing_to_redo() -> ProblemError:
    """The actor has undone nothing since their last step."""
    return ProblemError(
        "nothing_to_redo",
        "没有可以重做的操作。",
        "There is nothing to redo.",
        kind=ProblemKind.CONFLICT,
    )


def turn_blocked(by: Sequence[Step], *, undone: bool) -> ProblemError:
    """Somebody touched the same later."""
    names = "、".join(sorted({s.by for s in by}))
    verb = ("撤销", "undone") if undone else ("重做", "done again")
    return ProblemError(
        "turn_blocked",
        f"{names}后来改过相同的课，不能{verb[0]}。请直接修改这些课。",
        f"{names} changed the same lessons later, so this cannot be {verb[1]}. Edit them instead.",
        kind=ProblemKind.CONFLICT,
        value=[s.seq for s in by][:_LISTED],
    )


def draft_empty() -> ProblemError:
    """Publishing would change nothing."""
    return ProblemError(
        "draft_empty",
        "草稿与已发布的课表相同，没有可以发布的改动。",
        "The draft is the same as the published plan; there is nothing to publish.",
        kind=ProblemKind.CONFLICT,
    )


def draft_overtaken(late: Sequence[str]) -> ProblemError:
    """Lessons the draft changes have begun, or would begin in the past."""
    more = len(late) - _NAMED
    named = "、".join(late[:_NAMED])
    return ProblemError(
        "draft_overtaken",
        f"草稿改动的课次 {named}{f' 等 {len(late)} 节' if more > 0 else ''}"
        "的时间已到，不能再发布。请在发布窗口中去掉来不及的改动（drop_overtaken），其余照常发布；"
        "也可以撤销、改期或取消这些课。",
        f"The time of {len(late)} lesson(s) the draft changes has come ({', '.join(late[:_NAMED])}"
        f"{', …' if more > 0 else ''}). Take what is too late out of the draft"
        " (drop_overtaken) and publish the rest, or undo, move or cancel these lessons.",
        kind=ProblemKind.CONFLICT,
        value=list(late[:_LISTED]),
    )
