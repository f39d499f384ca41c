"""Figures at the console are named and written as on pages and in reports."""

from __future__ import annotations

import pytest

from sync_classroom.cli.audit import _MEASURES
from sync_classroom.cli.coverage import FURTHER_MEASURES, TABLE_MEASURES
from sync_classroom.cli.figures import cell, measure_name
from sync_classroom.domain.definitions import DEFINITIONS, Unit
from sync_classroom.domain.measures import Ratio


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    """A console that speaks Chinese."""
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")


@pytest.mark.usefixtures("chinese")
def test_a_chinese_console_takes_every_name_from_the_definitions() -> None:
    for code in (*_MEASURES, *TABLE_MEASURES, *FURTHER_MEASURES):
        unit = "（秒）" if DEFINITIONS[code].unit is Unit.SECONDS else ""
        assert measure_name(code) == DEFINITIONS[code].zh + unit
    assert measure_name("host_rate") == "主讲兑现率"


def test_a_rate_is_a_hundred_percent_only_when_it_is() -> None:
    assert cell({"numerator": 9999, "denominator": 10000}) == "99.9 % (9999/10000)"
    assert cell({"numerator": 1, "denominator": 10000}) == "0.1 % (1/10000)"
    assert cell({"numerator": 0, "denominator": 0}) == "—"
    assert cell(7) == "7"
    assert str(Ratio(9999, 10000)) == "99.9 %"
