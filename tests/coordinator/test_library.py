"""What the service does by itself: opening, sweeping, stopping, its queue; the rest over HTTP."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sync_classroom.coordinator import library
from sync_classroom.coordinator.library_files import ORPHAN_S
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.problems import ProblemError
from tests.support.library import PDF, added, send, take
from tests.support.pages import office

pytestmark = pytest.mark.asyncio


async def test_opening_sweeps_what_no_resource_names(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await added(served)
        files = tmp_path / "library" / "files"
        [kept] = files.iterdir()
        orphan = files / "orphan.pdf"
        orphan.write_bytes(PDF)
        past = time.time() - ORPHAN_S - 60
        for path in (kept, orphan):
            os.utime(path, (past, past))
        await served.services.library.open()
        assert list(files.iterdir()) == [kept]


async def test_what_is_there_and_what_is_announced_is_used(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await added(served)
        await send(served, "b.pdf", PDF)
        assert await served.services.library.used_bytes() == 2 * len(PDF)


async def test_a_file_that_is_not_in_this_folder_is_not_found(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        ident = await added(served)
        [kept] = (tmp_path / "library" / "files").iterdir()
        kept.unlink()
        with pytest.raises(ProblemError) as refused:
            await served.services.library.read(ident, 1, actor="wang")
        assert refused.value.code == "resource_unknown"
        for no in (0, 2):
            with pytest.raises(ProblemError):
                await served.services.library.read(ident, no, actor="wang")
        assert [e.what for e in await served.store.accesses(limit=5)] == ["resource.add"]


async def test_a_queue_that_is_full_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "MAX_WAITING", 0)
    async with office(tmp_path) as served:
        answer = await take(served, await send(served, "a.pdf", PDF))
        assert (answer.status, (await answer.json())["code"]) == (429, "library_busy")
        assert answer.headers["Retry-After"] == "60"


async def test_versions_of_one_resource_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "MAX_VERSIONS", 1)
    async with office(tmp_path) as served:
        ident = await added(served)
        answer = await take(served, await send(served, "b.pdf", PDF), key="2", resource=ident)
        assert (answer.status, (await answer.json())["code"]) == (409, "versions_full")
        user = served.users[Role.ADMIN]
        assert library.may_add(user)
        assert not library.may_add(served.users[Role.REVIEWER])
