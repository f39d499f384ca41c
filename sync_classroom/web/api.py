"""Every operation of the HTTP API, in the order of its documentation."""

from __future__ import annotations

from typing import Final

from . import (
    api_calendar,
    api_compare,
    api_coverage,
    api_draft,
    api_evidence,
    api_history,
    api_lessons,
    api_library,
    api_meetings,
    api_people,
    api_pushes,
    api_reports,
    api_study,
    api_terminal_journal,
    api_terminal_missed,
    api_terminal_pushes,
    api_terminals,
    api_timetable,
    api_wall,
    documents,
)
from .routes import ApiRoute

ROUTES: Final[tuple[ApiRoute, ...]] = (
    *api_people.ROUTES,
    *api_lessons.ROUTES,
    *api_calendar.ROUTES,
    *api_history.ROUTES,
    *api_timetable.ROUTES,
    *api_draft.ROUTES,
    *api_coverage.ROUTES,
    *api_compare.ROUTES,
    *api_reports.ROUTES,
    *api_evidence.ROUTES,
    *api_library.ROUTES,
    *api_pushes.ROUTES,
    *api_terminals.ROUTES,
    *api_terminal_journal.ROUTES,
    *api_terminal_missed.ROUTES,
    *api_terminal_pushes.ROUTES,
    *api_wall.ROUTES,
    *api_meetings.ROUTES,
    *documents.ROUTES,
    *api_study.ROUTES,
)
