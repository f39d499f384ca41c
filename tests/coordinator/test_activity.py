"""The stream of a simulated school against its row of the mode matrix and its figures."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from sync_classroom.domain.activity import HelpMode
from sync_classroom.domain.problems import ProblemError
from tests.support.simulated import FIRST, simulated_site

pytestmark = pytest.mark.asyncio

LAST = date(2026, 9, 20)


async def test_a_school_s_stream_adds_up_to_its_figures(tmp_path: Path) -> None:
    async with simulated_site(tmp_path) as served:
        coverage = served.services.coverage
        figures = await coverage.figures(FIRST, LAST)
        modes: set[HelpMode] = set()
        for school, row in figures.mode_matrix.items():
            found = await coverage.activity(school, FIRST, LAST)
            assert [h.at for h in found] == sorted((h.at for h in found), reverse=True)
            own = figures.by_school[school].figures
            live = [h for h in found if h.mode is HelpMode.LIVE]
            assert sum(h.reached for h in live) == row["live"] == own.held_seats
            assert sum(h.seconds or 0 for h in live) == own.credited_s
            pushes = [h for h in found if h.mode is HelpMode.PUSH]
            assert sum(h.reached for h in pushes) == row["push"]
            held = [h for h in found if h.mode is HelpMode.RESEARCH and h.reached]
            assert len(held) >= row["research"]
            modes |= {h.mode for h in found}
        assert modes == set(HelpMode)
        days = await coverage.activity(school, LAST, LAST)
        assert {h.at.astimezone(served.services.zone).date() for h in days} <= {LAST}
        with pytest.raises(ProblemError, match="forwards"):
            await coverage.activity(school, LAST, FIRST)
