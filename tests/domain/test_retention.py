"""What may be deleted when, and that nothing is deleted that is nearer than a month."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

import pytest

from sync_classroom.domain.retention import (
    LEAST_DAYS,
    ROWS,
    SETTING,
    Kind,
    Retention,
    RetentionRun,
    Stock,
    cut_of,
    days_of,
    run_to_dict,
)
from tests.support.plans import at

NOW = at("02:00")


def test_every_kind_has_a_setting_and_every_setting_a_kind() -> None:
    assert set(SETTING) == set(Kind)
    assert set(SETTING.values()) == {f.name for f in fields(Retention)}
    # Media are the relay's to delete and reports' files their coordinator's.
    assert set(Kind) - set(ROWS) == {Kind.MEDIA, Kind.REPORTS}


@pytest.mark.parametrize("kind", ROWS)
def test_a_cut_lies_as_many_days_back_as_the_setting_says(kind: Kind) -> None:
    rules = Retention(**{SETTING[kind]: 61})
    assert days_of(rules, kind) == 61
    assert cut_of(rules, kind, NOW) == NOW - timedelta(days=61)
    assert cut_of(Retention(**{SETTING[kind]: 0}), kind, NOW) is None


def test_nothing_is_due_that_is_younger_than_a_month() -> None:
    with pytest.raises(ValueError, match="terminal_days = 29 is fewer than 30 days"):
        cut_of(Retention(terminal_days=LEAST_DAYS - 1), Kind.TERMINAL_SAMPLES, NOW)


def test_a_run_and_a_stock_add_up() -> None:
    before = {Kind.NOTICES: NOW, Kind.FEEDS: NOW}
    run = RetentionRun(NOW, NOW, "console", {Kind.NOTICES: 3, Kind.FEEDS: 4}, before)
    assert run.total == 7
    assert run_to_dict(run)["deleted"] == {"notices": 3, "feeds": 4}
    assert run_to_dict(run)["before"]["feeds"] == NOW.isoformat()
    assert Stock(Kind.FEEDS, (1, 2, 3, 4), NOW, 2).total == 10
