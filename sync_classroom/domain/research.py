"""A research session (在线帮扶教研) as somebody plans or changes it: who meets, about what.

The meeting itself is an occurrence of mode `research`, so it is booked, moved, cancelled, told and
remembered as lessons are. What belongs to a session beside the plan (agenda, materials, and what
comes of it) goes by the id of its first plan, which stays whenever it is moved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from typing import Final
from urllib.parse import urlsplit

from .bookable import reason_of, text_of, unknown
from .booking import NewLesson, plan_lesson
from .edit_sheet import Decision, EditDesk, Sheet
from .ids import ClassroomId, OccurrenceId, ResourceId, SchoolId, TeacherId
from .problems import ProblemError
from .roster import Roster
from .timetable import Mode, Occurrence
from .working_copy import WorkingCopy

#: With the leader as many as meet at the relay: 12 who send and 60 who listen.
MAX_INVITED: Final = 71
MAX_AGENDA: Final = 2000
MAX_MATERIALS: Final = 30
MAX_MATERIAL: Final = 200


@dataclass(frozen=True, slots=True)
class Material:
    """One thing to read: a title and where it is, or (`url` empty) words by themselves."""

    title: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a person asks for. `starts_at` and `ends_at` are aware; `invited` without the leader.

    `classroom` is the room the leader sits in, a classroom of the leader's own host school.
    """

    title: str
    subject: str
    teacher: TeacherId
    classroom: ClassroomId
    starts_at: datetime
    ends_at: datetime
    invited: Sequence[TeacherId] = ()
    grade: int | None = None


@dataclass(frozen=True, slots=True)
class Papers:
    """A session's agenda and materials as they were left at `at`; `revision` counts from 1."""

    session: OccurrenceId
    revision: int
    agenda: str
    materials: tuple[Material, ...]
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class SessionFile:
    """A file that belongs to a session: version `no` of a resource of the library, which was called
    `title` then. `session` is the first plan's id."""

    session: OccurrenceId
    resource: ResourceId
    no: int
    title: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class SubjectGroup:
    """The teachers of one school who teach or assist a subject (教研组)."""

    school: SchoolId
    subject: str
    teachers: tuple[TeacherId, ...]


def plan_session(
    new: NewSession,
    roster: Roster,
    *,
    now: datetime,
    zone: tzinfo,
    occurrence_id: Callable[[date], OccurrenceId],
) -> Occurrence:
    """The occurrence that was asked for.

    Raises ProblemError with the field, its value and the remedy for the first thing that is wrong.
    """
    planned = plan_lesson(
        NewLesson(
            title=new.title,
            subject=new.subject,
            teacher=new.teacher,
            classroom=new.classroom,
            starts_at=new.starts_at,
            ends_at=new.ends_at,
            grade=new.grade,
            mode=Mode.RESEARCH,
        ),
        roster,
        now=now,
        zone=zone,
        occurrence_id=occurrence_id,
    )
    return replace(planned, participants=_invited(new, roster, planned.date))


def change_session(
    session: OccurrenceId, new: NewSession, copy: WorkingCopy, desk: EditDesk, *, reason: str
) -> Decision:
    """The step that makes `new` of a planned session; empty if it is so already.

    Another time is a move, linked at both ends, as for a lesson. Raises ProblemError as
    `plan_session`, and for a session that has begun, was cancelled or has moved.
    """
    reason = reason_of(reason, needed=False)
    sheet = Sheet(copy, desk)
    current = sheet.standing(session)
    window = (new.starts_at, new.ends_at)
    wanted = replace(
        current,
        title=text_of("title", "标题", new.title),
        subject=text_of("subject", "学科", new.subject),
        grade=new.grade,
        host=replace(current.host, classroom=new.classroom, teacher=new.teacher),
        participants=_invited(new, desk.roster, new.starts_at.astimezone(desk.zone).date()),
    )
    if (current.starts_at, current.ends_at) == window:
        sheet.check(wanted)
        if wanted != current:
            sheet.edited(wanted)
        return sheet.decision()
    sheet.move(current, window, None, reason)
    moved = next(
        o for o in sheet.decision().after.occurrences.values()
        if o is not None and o.moved_from == current.id
    )  # fmt: skip
    wanted = replace(
        moved, title=wanted.title, subject=wanted.subject, grade=wanted.grade, host=wanted.host,
        participants=wanted.participants,
    )  # fmt: skip
    sheet.check(wanted)
    sheet.put(wanted)
    return sheet.decision()


def agenda_of(text: str) -> str:
    """The agenda without blanks around it; ProblemError for more than `MAX_AGENDA` characters."""
    agenda = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if len(agenda) > MAX_AGENDA:
        raise ProblemError(
            "agenda_too_long",
            f"议程最多 {MAX_AGENDA} 字，现在有 {len(agenda)} 字。长的内容请放进材料。",
            f"The agenda is {MAX_AGENDA} characters at most and has {len(agenda)}. Put what is"
            " long into the materials.",
            field="agenda",
            value=len(agenda),
        )
    return agenda


def materials_of(text: str) -> tuple[Material, ...]:
    """Materials as typed, one a line: words, a web address, or words and an address after them.

    Raises ProblemError naming the line.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MAX_MATERIALS:
        raise ProblemError(
            "too_many_materials",
            f"材料最多 {MAX_MATERIALS} 项，现在有 {len(lines)} 项。",
            f"There are {MAX_MATERIALS} materials at most, and {len(lines)} were given.",
            field="materials",
            value=len(lines),
        )
    return tuple(_material(line) for line in lines)


def materials_text(materials: Iterable[Material]) -> str:
    """Materials as `materials_of` reads them."""
    return "\n".join(m.url if m.title == m.url else f"{m.title} {m.url}".strip() for m in materials)


def groups_of(pairs: Iterable[tuple[str, TeacherId]], roster: Roster) -> tuple[SubjectGroup, ...]:
    """Subject groups from who teaches or assists what, in the roster's order of schools.

    `pairs` are (subject, teacher); whoever is in no roster any more is left out.
    """
    found: dict[tuple[SchoolId, str], set[TeacherId]] = defaultdict(set)
    for subject, teacher in pairs:
        known = roster.teachers.get(teacher)
        if known is not None and subject:
            found[known.school, subject].add(teacher)
    order = {school: n for n, school in enumerate(roster.schools)}
    return tuple(
        SubjectGroup(school, subject, tuple(sorted(found[school, subject])))
        for school, subject in sorted(found, key=lambda key: (order[key[0]], key[1]))
    )


def by_school(
    teachers: Iterable[TeacherId], roster: Roster
) -> Mapping[SchoolId, tuple[TeacherId, ...]]:
    """Teachers by their school, both in the roster's order of schools and then by name."""
    found: dict[SchoolId, list[TeacherId]] = {school: [] for school in roster.schools}
    for teacher in teachers:
        if teacher in roster.teachers:
            found[roster.teachers[teacher].school].append(teacher)
    return {
        school: tuple(sorted(people, key=lambda t: (roster.teachers[t].name, t)))
        for school, people in found.items()
        if people
    }


def _invited(new: NewSession, roster: Roster, day: date) -> tuple[TeacherId, ...]:
    """Everybody once and without the leader, of schools that are in the programme that day."""
    invited = tuple(dict.fromkeys(t for t in new.invited if t != new.teacher))
    if not invited:
        raise ProblemError(
            "nobody_invited",
            "请至少邀请一位主持人以外的教师。",
            "Invite at least one teacher beside the leader.",
            field="invited",
            value=0,
        )
    if len(invited) > MAX_INVITED:
        raise ProblemError(
            "too_many_invited",
            f"一场教研最多邀请 {MAX_INVITED} 位教师，现在选了 {len(invited)} 位。请去掉一些。",
            f"A session has {MAX_INVITED} invited teachers at most, and {len(invited)} were"
            " chosen. Leave some out.",
            field="invited",
            value=len(invited),
        )
    for teacher in invited:
        found = roster.teachers.get(teacher)
        if found is None:
            raise unknown("invited", "教师", teacher)
        school = roster.schools[found.school]
        if day < school.joined_on or (school.left_on is not None and day >= school.left_on):
            raise ProblemError(
                "school_not_in_programme",
                f"{found.name}的学校{school.name}在 {day} 不在本项目中。请去掉这位教师或换日期。",
                f"{school.name}, the school of {found.name}, is not in the programme on {day}."
                " Leave the teacher out or choose another date.",
                field="invited",
                value=teacher,
            )
    return invited


def _material(line: str) -> Material:
    words, _, last = line.rpartition(" ")
    url = last if "://" in last or not words else ""
    if "://" not in url:
        url = ""
    title = (words if url and words else line).strip()
    if url and not _is_web_address(url):
        raise ProblemError(
            "material_address",
            f"材料「{line[:60]}」的网址不对。网址以 http:// 或 https:// 开头，中间没有空格。",
            f"The address of the material {line[:60]!r} is wrong. It begins with http:// or"
            " https:// and has no spaces.",
            field="materials",
            value=line[:MAX_MATERIAL],
        )
    if len(title) > MAX_MATERIAL or any(ord(c) < 32 for c in title):
        raise ProblemError(
            "material_too_long",
            f"材料「{title[:30]}…」太长：名称最多 {MAX_MATERIAL} 字。",
            f"The material {title[:30]!r}… is too long: {MAX_MATERIAL} characters at most.",
            field="materials",
            value=title[:MAX_MATERIAL],
        )
    return Material(title, url)


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and text.isprintable()
