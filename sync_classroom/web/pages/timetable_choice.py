"""What a reader of the timetable has chosen, all in the address: term, week, view, which plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from ...domain.accounts import Role
from ...domain.grid_views import View, ViewKind, parse_view
from ...domain.ids import TermId
from ...domain.roster import Roster, Term
from .forms import parse_count
from .frame import Frame

_WEEK: Final = timedelta(days=7)
# A school year has some 52; more is a slip in a roster file.
_MOST_WEEKS: Final = 60


class Shown(StrEnum):
    """Which plan is shown: 草稿, 已发布, or the term's weekly rules (周模式)."""

    DRAFT = "draft"
    PUBLISHED = "published"
    PATTERN = "pattern"


@dataclass(frozen=True, slots=True)
class Choice:
    """`view` None is all rooms at once. `week` counts from 1 in `term`."""

    term: Term
    week: int
    view: View | None
    shown: Shown

    @property
    def monday(self) -> date:
        """The first day of the week."""
        return monday_of(self.term, self.week)

    @property
    def sunday(self) -> date:
        """The last day of the week."""
        return self.monday + _WEEK - timedelta(days=1)


def choice_of(frame: Frame) -> Choice | None:
    """What the address says, and for what it does not say, what this reader most likely wants.

    None if the roster has no term. Whatever is unknown in an address is passed over: a link of
    last year, or of a room that is gone, still shows a timetable.
    """
    roster, query = frame.roster, frame.request.query
    term = roster.terms.get(TermId(query.get("term", ""))) or term_near(roster, frame.today)
    if term is None:
        return None
    most = weeks_of(term)
    week = parse_count(query.get("week", ""), least=1, most=most) or week_near(term, frame.today)
    return Choice(term, week, _view(frame), _shown(frame))


def weeks_of(term: Term) -> int:
    """How many weeks a term has, begun ones too."""
    return min((term.last_day - term.week1_monday).days // 7 + 1, _MOST_WEEKS)


def monday_of(term: Term, week: int) -> date:
    """The Monday of a week of the term."""
    return term.week1_monday + (week - 1) * _WEEK


def week_near(term: Term, on: date) -> int:
    """The week of the term a date lies in, or the one nearest to it."""
    return min(max((on - term.week1_monday).days // 7 + 1, 1), weeks_of(term))


def term_near(roster: Roster, on: date) -> Term | None:
    """The term a date lies in, else the next to come, else the last."""
    terms = sorted(roster.terms.values(), key=lambda t: t.first_day)
    coming = [t for t in terms if t.last_day >= on]
    return coming[0] if coming else (terms[-1] if terms else None)


def _view(frame: Frame) -> View | None:
    query = frame.request.query
    if "by" in query:
        return parse_view(query["by"], query.get("id", ""), frame.roster)
    if frame.user.role is Role.TEACHER and frame.user.teacher is not None:
        return parse_view(ViewKind.TEACHER, frame.user.teacher, frame.roster)
    return None


def _shown(frame: Frame) -> Shown:
    asked = frame.request.query.get("show", "")
    if not frame.may(Role.ADMIN):
        return Shown.PATTERN if asked == Shown.PATTERN else Shown.PUBLISHED
    return Shown(asked) if asked in list(Shown) else Shown.DRAFT
