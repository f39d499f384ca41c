"""The demo's research session: who is invited, and what is said of it at the end."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from sync_classroom.cli.demo_meeting import plan_meeting, print_attendance
from sync_classroom.cli.offline import open_offline
from sync_classroom.cli.settings import local_settings, serve_settings
from sync_classroom.domain.facts import ParticipantMedia
from sync_classroom.domain.ids import FactId
from sync_classroom.domain.roster_file import parse_roster

pytestmark = pytest.mark.asyncio
ROSTER = Path(__file__).parent.parent.parent / "config/taicang.toml"


async def test_five_schools_meet_now_and_their_time_is_told(tmp_path: Path) -> None:
    roster = parse_roster(tomllib.loads(ROSTER.read_text("utf-8")))
    async with open_offline(serve_settings(local_settings(tmp_path, 8080))) as services:
        await services.roster.apply(roster)
        planned = await plan_meeting(services, roster)
        meeting = (await services.research.session(planned.session)).occurrence
        assert meeting.starts_at <= services.clock() < meeting.ends_at
        assert len({roster.teachers[t].school for t in planned.passwords}) == 5
        assert next(iter(planned.passwords)) == meeting.host.teacher
        for login, password in (*planned.passwords.items(), planned.visitor):
            _, user = await services.accounts.sign_in(login, password, address="192.0.2.1")
            assert user.teacher in {meeting.host.teacher, *meeting.participants}
        who = meeting.host.teacher
        until = meeting.starts_at + timedelta(seconds=7)
        fact = ParticipantMedia(FactId("f"), meeting.id, who, meeting.starts_at, until, 9, 9)
        await services.store.append_facts([fact], received_at=services.clock())
        await services.coverage.settle()
        day = meeting.date
        console = Console(width=100, record=True, file=StringIO())
        figures = await services.coverage.figures(day, day)
        await print_attendance(services, planned.session, figures, console)
        text = console.export_text()
    (line,) = [line for line in text.splitlines() if roster.teachers[who].name in line]
    assert line.split()[-1] == "7"
    assert "research_planned: 1" in text
    assert "research_teacher_s: 7" in text
