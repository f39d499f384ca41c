"""Every measure has its words, in both languages, with the thresholds of the rules in force."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_classroom.domain.coverage import Cause, SeatState, compute
from sync_classroom.domain.definitions import (
    CAUSES,
    DEFINITIONS,
    MODES,
    STATES,
    Unit,
    thresholds,
)
from sync_classroom.domain.roster import Roster
from sync_classroom.domain.rules import DEFAULT, Rules
from sync_classroom.domain.timetable import Plan


def test_every_measure_that_is_computed_is_defined_once_and_nothing_else() -> None:
    totals = compute(Plan(Roster()), []).to_dict()["totals"]
    assert set(DEFINITIONS) == set(totals)
    for code, definition in DEFINITIONS.items():
        assert definition.code == code
        assert (definition.unit is Unit.RATIO) == isinstance(totals[code], dict)
        assert (definition.unit is Unit.SECONDS) == code.endswith("_s")


def test_every_cause_state_and_mode_has_a_name() -> None:
    assert set(CAUSES) == set(Cause)
    assert set(STATES) == set(SeatState)
    assert set(MODES) == {"live", "research", "push"}
    names = [*CAUSES.values(), *STATES.values(), *MODES.values(), *DEFINITIONS.values()]
    assert all(n.zh and n.en and n.name("zh") == n.zh and n.name("en") == n.en for n in names)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_thresholds_of_the_rules_stand_in_the_sentences(language: str) -> None:
    rules = replace(DEFAULT, held=0.725, partial=0.29, weekly_norm=3, research_min_s=90)
    assert "72.5 %" in DEFINITIONS["held_periods"].formula(language, rules)
    assert "29 %" in DEFINITIONS["missed_seats"].formula(language, rules)
    assert " 3 " in DEFINITIONS["regular_rate"].formula(language, rules)
    assert "90 " in DEFINITIONS["research_held"].formula(language, rules)
    assert "10 %" in CAUSES[Cause.HOST_ABSENT].meaning(language, rules)
    for definition in DEFINITIONS.values():
        assert "{" not in definition.formula(language, rules)


def test_percentages_are_what_a_person_wrote() -> None:
    told = thresholds(Rules(held=0.29, partial=1 / 3))
    assert told["held"] == "29 %"
    assert told["partial"] == "33.3333 %"
    assert told["research_zh"] == "20 分钟"
