"""Taking out of a draft what comes too late to be published, so that the rest can be."""

from __future__ import annotations

from dataclasses import replace

from .edit_sheet import Sheet
from .timetable import Occurrence
from .working_copy import moved_to, overtaken


def drop_overtaken(sheet: Sheet) -> None:
    """Lessons overtaken by time are as published again, or go if they are not published."""
    for ident in overtaken(sheet.copy, sheet.desk.now):
        lesson = sheet.find(ident)
        if lesson is None:
            continue
        if sheet.copy.published(ident) is not None:
            _give_up(sheet, lesson)
            continue
        sheet.drop(ident)
        origin = sheet.find(lesson.moved_from)
        if origin is not None and moved_to(origin) == ident:
            sheet.as_published(origin)


def _give_up(sheet: Sheet, lesson: Occurrence) -> None:
    """A lesson is as published; what the draft moved it to goes, and is not planned again."""
    later = sheet.find(moved_to(lesson))
    sheet.as_published(lesson)
    if later is None or sheet.copy.published(later.id) is not None:
        return
    sheet.drop(later.id)
    rule = None if later.slot is None else sheet.find_series(later.slot.series)
    if rule is not None and later.slot is not None:
        excluded = tuple(sorted({*rule.excluded, later.slot.date}))
        sheet.put_series(rule.id, replace(rule, excluded=excluded))
