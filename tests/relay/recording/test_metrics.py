"""Every figure of recordings has its name and sentence, and is really there."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.relay.metrics import PREFIX
from sync_classroom.relay.recording.metrics import METRICS
from tests.support.relays import relay, scrape

pytestmark = pytest.mark.asyncio


async def test_every_figure_is_scraped_with_its_sentence(tmp_path: Path) -> None:
    async with relay(tmp_path, recording_dir=tmp_path / "recordings") as running:
        text = await scrape(tmp_path / "control.sock")
    assert running.settings.recording_dir is not None
    for name, kind, sentence in METRICS:
        suffix = "_total" if kind == "counter" else ""
        assert f"# HELP {PREFIX}_{name}{suffix} {sentence}" in text
        assert f"{PREFIX}_{name}{suffix} 0.0" in text


async def test_without_a_folder_nothing_is_said_of_recordings(tmp_path: Path) -> None:
    async with relay(tmp_path):
        assert "recording" not in await scrape(tmp_path / "control.sock")
