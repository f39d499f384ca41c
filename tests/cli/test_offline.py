"""Commands work beside a running server on the same database and let everything go again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from sync_classroom.app import ServeSettings
from sync_classroom.cli.offline import open_offline
from sync_classroom.domain.ids import SchoolId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.roster import Roster, School, SchoolRole

pytestmark = pytest.mark.asyncio
SCHOOL = School(SchoolId("s1"), "一校", SchoolRole.HOST, date(2020, 9, 1))


async def test_what_one_command_stores_the_next_one_reads(tmp_path: Path) -> None:
    settings = ServeSettings(data_dir=tmp_path / "data")
    async with open_offline(settings) as services:
        await services.roster.apply(Roster(schools={SCHOOL.id: SCHOOL}))
    async with open_offline(settings) as services:
        assert services.roster.current().schools == {SCHOOL.id: SCHOOL}


async def test_two_at_once_do_not_hinder_each_other(tmp_path: Path) -> None:
    settings = ServeSettings(data_dir=tmp_path)
    async with open_offline(settings) as one, open_offline(settings) as two:
        await one.roster.apply(Roster(schools={SCHOOL.id: SCHOOL}))
        assert SCHOOL.id in (await two.store.load_roster()).schools


async def test_an_unreachable_database_is_a_problem_without_its_password(tmp_path: Path) -> None:
    settings = ServeSettings(
        data_dir=tmp_path, database_url="postgresql://u:s3cret@127.0.0.1:9/none"
    )
    with pytest.raises(ProblemError) as caught:
        async with open_offline(settings):
            pass
    assert "s3cret" not in caught.value.en + caught.value.zh
