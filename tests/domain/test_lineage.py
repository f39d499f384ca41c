"""Rules that were once one are found by id and dates together."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sync_classroom.domain.edits import ChangeSeries
from sync_classroom.domain.ids import SeriesId
from sync_classroom.domain.lineage import lineage, stem_of
from tests.support.drafts import published, rule
from tests.support.plans import at


def test_a_rule_changed_twice_in_mid_term_is_three_rules_of_one_lineage() -> None:
    draft = published(rule())
    for when, period in (("2026-09-16", 2), ("2026-10-14", 3)):
        draft.now = at("07:00", when)
        last = max(draft.copy.series.values(), key=lambda s: s.first or date.min)
        draft.do(ChangeSeries(replace(last, period=period)))
    rules = list(draft.copy.series.values())
    first, second, third = sorted(rules, key=lambda s: s.first or date.min)
    assert (first.id, first.last) == ("eng", date(2026, 9, 15))
    assert {stem_of(r.id) for r in rules} == {"eng"}
    for each in rules:
        assert lineage(each, reversed(rules)) == (first, second, third)


def test_rules_whose_ids_merely_look_alike_are_strangers() -> None:
    ended = rule("eng", last=date(2026, 9, 15))
    own = replace(rule("eng.1"), first=date(2026, 9, 17))
    other = rule("eng.2")
    maths = replace(rule("maths.a"), first=date(2026, 9, 16))
    for each in (ended, own, other):
        assert lineage(each, [ended, own, other, maths]) == (each,)
    # Two of one stem that follow each other, neither made of the other.
    assert lineage(ended, [ended, replace(rule("engl"), first=date(2026, 9, 16))]) == (ended,)
    assert stem_of(SeriesId("a.b.c")) == "a"
