"""Sizing by hand-made figures."""

from __future__ import annotations

import pytest

from bench.relay.sizing import Costs, Lesson, main, read_costs, size, sizing_table

COSTS = Costs(10.0, 2.5, 100.0)


def test_a_lesson_of_one_room_by_hand() -> None:
    lesson = Lesson(1, 880)
    # 100 camera packets, 34.09 of the screen, 50 of the voice, 17.05 of the one thumbnail.
    assert lesson.packets_per_s == pytest.approx(100 + 300 / 8.8 + 50 + 150 / 8.8)
    assert lesson.sessions == 5
    found = size(lesson, COSTS)
    assert found.core_share == pytest.approx(lesson.packets_per_s * 10e-6)
    assert found.rooms_per_core == int(0.6 / found.core_share)
    assert (found.bell_s, found.memory_mb) == (0.0125, 0.5)
    media_kbps = 880 + 300 + 48 + 150
    assert lesson.out_mbps == pytest.approx(media_kbps / 1000 + lesson.packets_per_s * 68 * 8 / 1e6)


def test_the_wall_shows_the_host_twelve_rooms_and_no_more() -> None:
    twelve, many = Lesson(12, 600), Lesson(48, 600)
    thumbnail = 150 / 8.8
    assert twelve.packets_per_s - 12 * thumbnail == pytest.approx(
        (many.packets_per_s - 12 * thumbnail) / 4
    )


def test_half_the_cost_carries_twice_the_rooms() -> None:
    lesson = Lesson(24, 2500)
    half = size(lesson, Costs(5.0, 2.5, 100.0)).rooms_per_core
    assert abs(half - 2 * size(lesson, COSTS).rooms_per_core) <= 1


def test_the_command_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--packet-us", "10", "--join-ms", "2.5", "--receiver-kb", "100"])
    printed = capsys.readouterr().out
    assert printed == sizing_table(COSTS)
    assert printed.count("\n") == 11


def test_costs_are_read_from_a_document() -> None:
    text = (
        "x\nMeasured: 10 µs per forwarded packet, 2.5 ms per join, 100 kB per receiver, on\nit.\n"
    )
    assert read_costs(text) == COSTS
    with pytest.raises(ValueError, match="no line"):
        read_costs("nothing here")


def test_costs_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Costs(0.0, 1.0, 1.0)
