from __future__ import annotations

from pathlib import Path

import pytest

from bench.figures import Figure, lines, markdown, medians, number, percentile, ratios, read, report


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (14.13, "14.1"),
        (2340, "2,340"),
        (0.03125, "0.0312"),
        (47, "47"),
        (1234567.8, "1,234,568"),
        (-2.5, "-2.5"),
        (100, "100"),
        (float("inf"), "inf"),
    ],
)
def test_number_has_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "expected"), [(0.01, 1), (0.5, 50), (0.95, 95), (0.99, 99), (0.991, 100), (1.0, 100)]
)
def test_percentile_is_the_nearest_rank_of_unsorted_values(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 0.5) == 7.0


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.01)])
def test_percentile_of_nothing_is_refused(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="no "):
        percentile(values, share)


def test_medians_take_each_name_over_the_rounds_that_have_it() -> None:
    rounds = [{"us": 9.0, "kb": 1.0}, {"us": 1.0}, {"us": 5.0, "kb": 3.0}]
    assert medians(rounds) == {"us": 5.0, "kb": 2.0}
    assert medians([]) == {}


def test_ratios_are_to_the_base_and_none_without_it() -> None:
    assert ratios({"relay": 3.0, "Janus": 12.0}, "Janus") == {"relay": 0.25, "Janus": 1.0}
    assert ratios({"relay": 3.0}, "Janus") == {}
    assert ratios({"relay": 3.0, "Janus": 0.0}, "Janus") == {}


def test_lines_show_aim_and_ratio_both_ways_and_no_ratio_to_zero() -> None:
    assert lines(
        [
            Figure("cost", 6.0, "µs", 12.0),
            Figure("receivers", 2000, "", 4000, at_least=True, note="by cost"),
            Figure("without a picture", 0, "", 0),
        ]
    ) == [
        "cost                6 µs   aim ≤ 12 µs, ratio 0.5",
        "receivers          2,000   aim ≥ 4,000, ratio 0.5   (by cost)",
        "without a picture      0   aim ≤ 0",
    ]


def test_markdown_heads_each_group_with_its_command() -> None:
    table = markdown([("python -m bench.x", [Figure("cost", 6.0, "µs", 12.0, note="all")])])
    assert table.splitlines()[2:] == [
        "| `python -m bench.x` | | | |",
        "| cost (all) | 6 µs | ≤ 12 µs | 0.5 |",
    ]


def test_report_is_read_back_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = [Figure("cost", 6.0, "µs", 12.0), Figure("held", 4000, at_least=True, note="n")]
    report(figures, tmp_path / "figures.json")
    assert read(tmp_path / "figures.json") == figures
    assert capsys.readouterr().out.startswith("cost   6 µs   aim ≤ 12 µs, ratio 0.5\n")
