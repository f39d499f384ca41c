"""What happened to a lesson, in words: made, moved, cancelled, restored, by whom and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from ...domain.history import Happening, HistoryEntry
from ...domain.ids import ClassId, ClassroomId, TeacherId
from ...domain.timetable import ChangeKind, Occurrence
from ..i18n import mark
from .frame import Frame

WORDS: Final = {
    Happening.CREATED: mark("排定"),
    Happening.MOVED_HERE: mark("由其他时间调来"),
    Happening.CHANGED: mark("修改"),
    Happening.SUBSTITUTED: mark("代课"),
    Happening.CANCELLED: mark("整节取消"),
    Happening.MOVED: mark("调课"),
    Happening.RESTORED: mark("恢复上课"),
    Happening.SEAT_ADDED: mark("增加听课教室"),
    Happening.SEAT_CHANGED: mark("听课教室有改动"),
    Happening.SEAT_CANCELLED: mark("取消一间教室"),
    Happening.SEAT_RESTORED: mark("恢复听课教室"),
    Happening.REASSIGNED: mark("归入另一条课程安排"),
}
_OF_CHANGE: Final = {
    ChangeKind.CANCELLED: Happening.CANCELLED,
    ChangeKind.MOVED: Happening.MOVED,
    ChangeKind.SEAT_CANCELLED: Happening.SEAT_CANCELLED,
}
_FIELDS: Final = {
    "title": mark("课题"),
    "subject": mark("学科"),
    "grade": mark("年级"),
    "periods": mark("课时"),
    "date": mark("日期"),
    "starts_at": mark("上课"),
    "ends_at": mark("下课"),
    "classroom": mark("教室"),
    "class": mark("班级"),
    "participants": mark("参加教师"),
    "expected": mark("应到"),
    "assistant": mark("助教"),
}


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One thing that happened. `details` are short sentences; `other` is the lesson at the other
    end of a move; `version` the published version it came with."""

    at: datetime
    what: str
    details: tuple[str, ...]
    excused: str
    reason: str
    by: str
    other: str | None
    version: int | None


def history_rows(
    frame: Frame, lesson: Occurrence, entries: Sequence[HistoryEntry]
) -> tuple[HistoryRow, ...]:
    """Everything that happened, oldest first.

    Change records from before histories were kept are told as they stand.
    """
    told = {(e.kind, e.at) for e in entries}
    older = [
        HistoryEntry(
            lesson.id, c.at, c.by, c.reason, _OF_CHANGE[c.kind],
            new={"excused": c.excused, "seat": c.seat, "to": c.to},
        )
        for c in lesson.changes
        if not entries or c.at < entries[0].at
        if (_OF_CHANGE[c.kind], c.at) not in told
    ]  # fmt: skip
    return tuple(_row(frame, lesson, e) for e in (*older, *entries))


def _row(frame: Frame, lesson: Occurrence, entry: HistoryEntry) -> HistoryRow:
    new, old = entry.new or {}, entry.old or {}
    excused = ""
    if entry.kind in (Happening.CANCELLED, Happening.SEAT_CANCELLED):
        excused = frame.t("有因") if new.get("excused") else frame.t("无因")
    return HistoryRow(
        at=entry.at,
        what=frame.t(WORDS[entry.kind]),
        details=_details(frame, lesson, entry),
        excused=excused,
        reason=entry.reason,
        by=entry.by,
        other=new.get("to") or old.get("from"),
        version=entry.version,
    )


def _details(frame: Frame, lesson: Occurrence, entry: HistoryEntry) -> tuple[str, ...]:
    old, new = entry.old or {}, entry.new or {}
    match entry.kind:
        case Happening.SUBSTITUTED:
            return (f"{_teacher(frame, old['teacher'])} → {_teacher(frame, new['teacher'])}",)
        case Happening.CHANGED:
            return tuple(_differing(frame, old, new))
        case Happening.SEAT_ADDED:
            return (_room(frame, new["classroom"]),)
        case Happening.SEAT_CHANGED:
            return (_room(frame, new["classroom"]), *_differing(frame, old, new))
        case Happening.SEAT_CANCELLED | Happening.SEAT_RESTORED:
            seat = new.get("seat") or old.get("seat")
            rooms = [s.classroom for s in lesson.seats if s.id == seat]
            return tuple(_room(frame, room) for room in rooms)
        case _:
            return ()


def _differing(frame: Frame, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [
        f"{frame.t(_FIELDS[name])} {_value(frame, name, old.get(name))}"
        f" → {_value(frame, name, new[name])}"
        for name in new
        if name in _FIELDS and old.get(name) != new[name]
    ]


def _value(frame: Frame, name: str, value: Any) -> str:
    if value is None:
        return "—"
    match name:
        case "starts_at" | "ends_at":
            return frame.format.stamp(datetime.fromisoformat(value))
        case "date":
            return frame.format.day(date.fromisoformat(value))
        case "classroom":
            return _room(frame, value)
        case "class":
            found = frame.roster.classes.get(ClassId(value))
            return found.name if found is not None else str(value)
        case "assistant":
            return _teacher(frame, value)
        case "participants":
            return "、".join(_teacher(frame, t) for t in value)
        case _:
            return str(value)


def _teacher(frame: Frame, teacher: str) -> str:
    found = frame.roster.teachers.get(TeacherId(teacher))
    return found.name if found is not None else teacher


def _room(frame: Frame, classroom: str) -> str:
    found = frame.roster.classrooms.get(ClassroomId(classroom))
    if found is None:
        return classroom
    return f"{frame.roster.schools[found.school].name} {found.name}"
