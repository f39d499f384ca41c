"""A day of bells and many troubles: none late for longer than they last, none twice, none lost."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bench.scheduler.planned import store_day
from tests.support.databases import with_tables
from tests.support.scheduling import differences, school
from tests.support.troubled_day import OVER_WITHIN, RULES, TroubledDay, day_of
from tests.support.virtual_time import VirtualLoop, run_virtual


def play(
    folder: Path,
    url: str,
    bells: int,
    lessons: int,
    seed: int,
    troubles: int,
    late: timedelta,
    *,
    sweep_s: float = 10,
) -> TroubledDay:
    day = day_of(bells, lessons)

    async def main(loop: VirtualLoop) -> TroubledDay:
        how = {"rules": RULES, "sweep_s": sweep_s, "poll_s": sweep_s / 2, "clock_look_s": 1.0}
        async with school(url, folder, loop, **how) as made:
            with loop.busy():
                planned = [o for n in range(bells) for o in day.of_bell(n)]
                await store_day(made.store, url, day, planned)
            played = TroubledDay(made, day, seed)
            await played.play(troubles=troubles)
            found = await differences(made.stored, made.store, played.script.expected, late=late)
            assert found == [], played.happened
            assert made.relay.rooms == {}, played.happened
            return played

    return run_virtual(day.bell(0) - timedelta(minutes=6), main)


def test_a_day_without_trouble_is_all_on_time(tmp_path: Path) -> None:
    """Some hundred lessons; `bench.scheduler.day` plays the same day with 5000."""
    url = with_tables(tmp_path / "store.db")
    on_time = timedelta(milliseconds=200)
    played = play(tmp_path, url, 3, 100, 1, 0, on_time, sweep_s=60)
    assert len(played.script.expected) == 300


@pytest.mark.parametrize("seed", range(1, 4))
def test_whatever_happens_none_is_twice_none_is_lost(tmp_path: Path, seed: int) -> None:
    url = with_tables(tmp_path / "store.db")
    played = play(tmp_path, url, 5, 8, seed, 15, OVER_WITHIN)
    assert len(played.happened) >= 3


def test_two_coordinators_over_one_server_are_no_different(
    tmp_path: Path, database_url: str
) -> None:
    play(tmp_path, database_url, 2, 8, 7, 6, OVER_WITHIN)
