"""Sizing by hand-made figures."""

from __future__ import annotations

import pytest

from bench.relay.sizing import MANY, Costs, Lesson, main, read_costs, size, sizing_table

#: 100 µs a packet received, 5 µs a packet sent.
COSTS = Costs(105.0, 5.0 + 100.0 / MANY, 2.5, 100.0)


def test_costs_of_receiving_and_sending_are_told_apart() -> None:
    assert COSTS.received_us == pytest.approx(100.0)
    assert COSTS.sent_us == pytest.approx(5.0)


def test_a_lesson_of_one_room_by_hand() -> None:
    lesson = Lesson(1, 880)
    # 100 camera packets, 34.09 of the screen, 50 of the voice, 17.05 of the one thumbnail.
    packets = 100 + 300 / 8.8 + 50 + 150 / 8.8
    assert lesson.packets_per_s == pytest.approx(packets)
    assert lesson.received_per_s == pytest.approx(packets)  # one in, one out
    assert lesson.sessions == 5
    found = size(lesson, COSTS)
    assert found.core_share == pytest.approx(packets * 105e-6)
    assert found.rooms_per_core == int(0.6 / found.core_share)
    assert (found.bell_s, found.memory_mb) == (0.0125, 0.5)
    mbps = (880 + 300 + 48 + 150) / 1000 + packets * 68 * 8 / 1e6
    assert lesson.out_mbps == pytest.approx(mbps)
    assert lesson.in_mbps == pytest.approx(mbps)


def test_the_wall_shows_the_host_twelve_rooms_and_no_more() -> None:
    twelve, many = Lesson(12, 600), Lesson(48, 600)
    thumbnail = 150 / 8.8
    assert twelve.packets_per_s - 12 * thumbnail == pytest.approx(
        (many.packets_per_s - 12 * thumbnail) / 4
    )
    assert many.received_per_s - twelve.received_per_s == pytest.approx(36 * thumbnail)


def test_half_the_cost_carries_twice_the_rooms() -> None:
    lesson = Lesson(24, 2500)
    half = Costs(COSTS.one_us / 2, COSTS.many_us / 2, 2.5, 100.0)
    rooms = size(lesson, half).rooms_per_core
    assert abs(rooms - 2 * size(lesson, COSTS).rooms_per_core) <= 1


def test_the_command_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    costs = Costs(105.0, 7.0, 2.5, 100.0)
    main(["--one-us", "105", "--many-us", "7", "--join-ms", "2.5", "--receiver-kb", "100"])
    printed = capsys.readouterr().out
    assert printed == sizing_table(costs)
    assert printed.count("\n") == 11


def test_costs_are_read_from_a_document() -> None:
    text = (
        "x\nMeasured: 105 µs per packet forwarded to one, 7 µs to each\nof 48, 2.5 ms per join,"
        " 100 kB per receiver, on\nit.\n"
    )
    assert read_costs(text) == Costs(105.0, 7.0, 2.5, 100.0)
    with pytest.raises(ValueError, match="no sentence"):
        read_costs("nothing here")


@pytest.mark.parametrize(
    "costs",
    [(0.0, 0.0, 1.0, 1.0), (5.0, 6.0, 1.0, 1.0), (9.0, 1.0, 0.0, 1.0), (9.0, 0.1, 1.0, 1.0)],
)
def test_costs_that_cannot_be_are_refused(costs: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Costs(*costs)
