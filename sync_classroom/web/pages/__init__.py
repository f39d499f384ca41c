"""Office and bureau pages: one module per group, every address listed here."""

from __future__ import annotations

from aiohttp import web

from ...domain.problems import ProblemError
from .. import terminal_page
from . import (
    access_log,
    calendar,
    calendar_day,
    calendar_forms,
    coverage,
    coverage_activity,
    coverage_compare,
    coverage_places,
    door,
    help_calls,
    lesson,
    lesson_documents,
    lesson_form,
    library,
    materials,
    meeting,
    minutes,
    people,
    push_order,
    pushes,
    recording,
    reports,
    research,
    research_form,
    retention,
    roster,
    rubric,
    rules,
    scores,
    second_opinions,
    session_recording,
    study,
    terminals,
    timetable,
    timetable_editor,
    timetable_export,
    timetable_feeds,
    timetable_import,
    timetable_panels,
    timetable_versions,
    today,
    wall,
)
from .frame import Frame
from .route import PageRoute

__all__ = ["PageRoute", "page_routes", "problem_page"]


def page_routes() -> tuple[PageRoute, ...]:
    """Every page address with its handler and roles; fixed paths before those with a variable."""
    return (
        *today.ROUTES,
        *door.ROUTES,
        *lesson_form.ROUTES,
        *lesson.ROUTES,
        *lesson_documents.ROUTES,
        *recording.ROUTES,
        *library.ROUTES,
        *pushes.ROUTES,
        *push_order.ROUTES,
        *research_form.ROUTES,
        *meeting.ROUTES,
        *minutes.ROUTES,
        *study.ROUTES,
        *scores.ROUTES,
        *session_recording.ROUTES,
        *materials.ROUTES,
        *research.ROUTES,
        *calendar.ROUTES,
        *calendar_day.ROUTES,
        *calendar_forms.ROUTES,
        *timetable.ROUTES,
        *timetable_editor.ROUTES,
        *timetable_panels.ROUTES,
        *timetable_versions.ROUTES,
        *terminals.ROUTES,
        *help_calls.ROUTES,
        *roster.ROUTES,
        *people.ROUTES,
        *wall.ROUTES,
        *coverage.ROUTES,
        *coverage_activity.ROUTES,
        *coverage_places.ROUTES,
        *coverage_compare.ROUTES,
        *reports.ROUTES,
        *rules.ROUTES,
        *rubric.ROUTES,
        *retention.ROUTES,
        *second_opinions.ROUTES,
        *access_log.ROUTES,
        *timetable_import.ROUTES,
        *timetable_export.ROUTES,
        *timetable_feeds.ROUTES,
        *terminal_page.ROUTES,
    )


def problem_page(request: web.Request, error: ProblemError) -> web.Response:
    """A whole page saying what is wrong and what to do, for a problem no page dealt with."""
    return Frame.of(request).problem(error)
