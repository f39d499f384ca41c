"""`/terminal` as it is served, and the shell its service worker keeps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sync_classroom.web.static import ROOT, files
from tests.support.web import site

pytestmark = pytest.mark.asyncio
WORKER = ROOT / "terminal" / "sw.js"


async def test_page_names_its_version_zone_and_entry(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        async with served.client.get(served.url + "/terminal") as answer:
            text = await answer.text()
            assert (answer.status, answer.content_type) == (200, "text/html")
            assert answer.headers["Cache-Control"] == "no-cache"
        assert f'data-version="{files().version}"' in text
        assert 'data-zone="Asia/Shanghai"' in text
        for address in re.findall(r'(?:src|href)="([^"]+)"', text):
            async with served.client.get(served.url + address) as answer:
                assert (address, answer.status) == (address, 200)


async def test_page_has_nothing_inline() -> None:
    text = (ROOT.parent / "templates" / "terminal.html").read_text("utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)


async def test_worker_keeps_every_file_of_the_page_and_no_other() -> None:
    kept = set(re.findall(r'^  "([^"]+)",$', WORKER.read_text("utf-8"), re.MULTILINE))
    needed = {
        name
        for name in files().names()
        if name.startswith("terminal/") and name.endswith((".js", ".css"))
    }
    assert kept == (needed - {"terminal/sw.js"}) | {"tokens.css", "uploads.js"}


async def test_scripts_import_only_files_that_exist() -> None:
    for path in (ROOT / "terminal").rglob("*.js"):
        for name in re.findall(r'from "(\.[^"]+)"', path.read_text("utf-8")):
            assert (path.parent / name).resolve().is_file(), f"{path.name} imports {name}"
