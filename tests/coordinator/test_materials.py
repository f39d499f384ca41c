"""Files of a session over a real library: the version of then, gone where it was deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.coordinator.materials import MAX_FILES
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.problems import ProblemError
from tests.support.library import PDF, added, send, take
from tests.support.pages import office
from tests.web.test_api_meetings import planned

pytestmark = pytest.mark.asyncio


async def test_a_session_keeps_the_version_it_was_given(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        session = await served.services.research.session(OccurrenceId("s-1"))
        service = served.services.materials
        ident = await added(served)
        await service.add(session, ident, actor="li")
        newer = await take(
            served, await send(served, "新.pdf", PDF + b"2"), key="2", resource=ident
        )
        assert newer.status == 201
        await service.add(session, ident, actor="li")
        (attached,) = await service.of(session)
        assert attached.version is not None
        assert (attached.version.no, attached.version.name) == (1, "练习.pdf")
        version, path = await service.read(session, ident, actor="li")
        assert path.read_bytes() == PDF
        assert version.no == 1
        user = served.users[Role.TEACHER]
        await served.services.library.delete(ident, "旧了", user=user)
        (attached,) = await service.of(session)
        assert attached.version is None
        with pytest.raises(ProblemError) as error:
            await service.read(session, ident, actor="li")
        assert error.value.code == "resource_unknown"


async def test_a_session_has_so_many_files_and_no_unknown_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_FILES == 30
    monkeypatch.setattr("sync_classroom.coordinator.materials.MAX_FILES", 1)
    async with office(tmp_path) as served:
        await planned(served)
        session = await served.services.research.session(OccurrenceId("s-1"))
        service = served.services.materials
        await service.add(session, await added(served), actor="li")
        for ident, code in (
            (await added(served, key="2"), "too_many_files"),
            ("r-none", "resource_unknown"),
        ):
            with pytest.raises(ProblemError) as error:
                await service.add(session, ident, actor="li")
            assert error.value.code == code
