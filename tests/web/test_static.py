"""Files of the pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.web.static import TYPES, StaticFiles, files, static_url
from tests.support.web import site

pytestmark = pytest.mark.asyncio


async def test_every_file_has_its_address_type_and_is_kept_for_ever(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        names = files().names()
        assert names
        for name in names:
            response = await served.ask("GET", static_url(name))
            assert response.status == 200, name
            assert response.content_type == TYPES[Path(name).suffix]
            assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_former_versions_page_gets_todays_file_and_keeps_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        response = await served.ask("GET", f"/static/0000/{files().names()[0]}")
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "name",
    [
        "nothing.js",
        "..%2fapp.py",
        "../app.py",
        "%2e%2e/%2e%2e/config.py",
        "terminal%00.js",
        "/etc/passwd",
        "terminal",
        "",
    ],
)
async def test_what_is_not_a_listed_file_is_not_there(tmp_path: Path, name: str) -> None:
    async with site(tmp_path, people=False) as served:
        response = await served.ask("GET", f"/static/{files().version}/{name}")
        assert response.status == 404


async def test_the_version_follows_the_content(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.css").write_text("2")
    (tmp_path / "notes.txt").write_text("not served")
    before = StaticFiles(tmp_path)
    assert before.names() == ("a.js", "deep/b.css")
    assert before.url("deep/b.css") == f"/static/{before.version}/deep/b.css"
    assert StaticFiles(tmp_path).version == before.version
    (tmp_path / "a.js").write_text("2")
    assert StaticFiles(tmp_path).version != before.version
    with pytest.raises(KeyError):
        before.url("notes.txt")


async def test_the_worker_is_at_the_root_for_the_terminal_alone(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        response = await served.ask("GET", "/terminal-sw.js")
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert response.headers["Service-Worker-Allowed"] == "/terminal"
        assert response.headers["Cache-Control"] == "no-cache"
