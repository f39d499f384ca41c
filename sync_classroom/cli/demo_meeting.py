"""The demo's research session: planned for now, met by virtual teachers, counted at the end."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from ..domain.accounts import Role
from ..domain.coverage import CoverageFigures
from ..domain.ids import OccurrenceId, TeacherId
from ..domain.research import NewSession
from ..domain.roster import Roster, SchoolRole, Teacher
from ..simulator.recording import Recording
from ..simulator.swarm import Account
from ..simulator.teacher import VirtualMeeting, VirtualTeacher
from .figures import cell, measure_name
from .language import say
from .offline import Offline

MEETING_MINUTES: Final = 30
#: Remote schools of which a teacher comes.
REMOTE_SCHOOLS: Final = 3
#: What whoever looks at the demo signs in as, to come into the meeting too.
VISITOR: Final = "teacher"
MEASURES: Final = (
    "research_planned", "research_held", "research_teachers", "research_teacher_s",
    "research_schools",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlannedMeeting:
    """The session, passwords of those who will meet (the leader first), the visitor's sign-in."""

    session: OccurrenceId
    passwords: Mapping[TeacherId, str]
    visitor: tuple[str, str]


async def plan_meeting(services: Offline, roster: Roster) -> PlannedMeeting:
    """A session that starts this minute, with an account for everybody who is invited.

    The leader is of the last host school, with whom a teacher of the first one meets and one each
    of some remote schools. None of them, nor the room, is in the demo's lessons.
    """
    hosts = [s.id for s in roster.schools.values() if s.role is SchoolRole.HOST]
    remote = [s.id for s in roster.schools.values() if s.role is SchoolRole.REMOTE]
    leader = _teacher(roster, hosts[-1], 1)
    people = [
        leader,
        _teacher(roster, hosts[0], 1),
        *(_teacher(roster, school, 0) for school in remote[:REMOTE_SCHOOLS]),
    ]
    visitor = _teacher(roster, hosts[0], 2)
    now = services.clock().replace(second=0, microsecond=0)
    rooms = [c.id for c in roster.classrooms.values() if c.school == leader.school]
    session = await services.research.plan(
        NewSession(
            title=say("单元整体教学研讨", "How to teach a unit as a whole"),
            subject="英语",
            teacher=leader.id,
            classroom=rooms[-1],
            starts_at=now,
            ends_at=now + timedelta(minutes=MEETING_MINUTES),
            invited=[t.id for t in (*people[1:], visitor)],
        ),
        say("一、看课 二、评课 三、下一步", "1. The lesson 2. What we saw 3. What next"),
        (),
        actor="demo",
        key=f"demo-meeting-{secrets.token_hex(4)}",
    )
    passwords = {t.id: secrets.token_urlsafe(9) for t in people}
    own = secrets.token_urlsafe(9)
    await asyncio.gather(
        *(_account(services, str(t.id), t, passwords[t.id]) for t in people),
        _account(services, VISITOR, visitor, own),
    )
    return PlannedMeeting(session.id, passwords, (VISITOR, own))


def virtual_meeting(
    account: Account, url: str, planned: PlannedMeeting, roster: Roster, recording: Recording
) -> VirtualMeeting:
    """The teachers of the session as virtual ones, each sending `recording`."""
    word = say("教研", "research")
    return VirtualMeeting(
        account,
        planned.session,
        {
            ident: VirtualTeacher(
                url, ident, password, planned.session,
                name=f"{word} {roster.teachers[ident].name}", recording=recording,
            )
            for ident, password in planned.passwords.items()
        },
    )  # fmt: skip


async def print_attendance(
    services: Offline, session: OccurrenceId, figures: CoverageFigures, console: Console
) -> None:
    """Who was in the session how long, and what research came to that day."""
    roster = services.roster.current()
    seconds = await services.evidence.attendance(
        (await services.research.session(session)).occurrence
    )
    table = Table(
        Column(say("教研出席", "attended the research session")),
        Column(say("学校", "school")),
        Column(say("秒", "seconds"), justify="right"),
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for ident, attended in sorted(seconds.items()):
        teacher = roster.teachers[ident]
        table.add_row(teacher.name, roster.schools[teacher.school].name, str(attended))
    console.print(table)
    totals = figures.to_dict()["totals"]
    for measure in MEASURES:
        line = f"{measure_name(measure)}{say('：', ': ')}{cell(totals[measure])}"
        console.print(line, highlight=False)


def _teacher(roster: Roster, school: str, number: int) -> Teacher:
    return [t for t in roster.teachers.values() if t.school == school][number]


async def _account(services: Offline, login: str, teacher: Teacher, password: str) -> None:
    await services.accounts.add_user(
        login=login, name=teacher.name, role=Role.TEACHER, password=password, teacher=teacher.id
    )
