from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from sync_classroom.domain.fields import MalformedError
from sync_classroom.domain.snapshot import Difference, differences, every_difference, parse_snapshot

FIGURES = {"totals": {"due_periods": 3}, "period": {"from": "2026-09-01", "to": "2026-09-30"}}


def test_snapshot_is_read_with_period_cut_off_and_hashes() -> None:
    snapshot = parse_snapshot(
        {
            "schema": "sync-classroom/snapshot/1",
            "period": {"from": "2026-09-01", "to": "2026-09-30"},
            "cut_off": "2026-10-05T00:00:00+00:00",
            "sha256": {"plan.json": "ab"},
            "figures": {"totals": {"due_periods": 3}},
        }
    )
    assert (snapshot.first, snapshot.last) == (date(2026, 9, 1), date(2026, 9, 30))
    assert snapshot.cut_off == datetime(2026, 10, 5, tzinfo=UTC)
    assert snapshot.sha256 == {"plan.json": "ab"}
    assert snapshot.figures == {"totals": {"due_periods": 3}}


def test_output_of_an_audit_is_a_snapshot() -> None:
    snapshot = parse_snapshot(FIGURES)
    assert snapshot.figures == FIGURES
    assert snapshot.first == date(2026, 9, 1)
    assert snapshot.cut_off is None


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "totals"),
        ({"figures": {"totals": {}}, "schema": "other/1"}, "schema"),
        ({**FIGURES, "period": {"from": "soon"}}, "from"),
        ({**FIGURES, "cut_off": "2026-10-05"}, "cut_off"),
        ({**FIGURES, "sha256": {"plan.json": 7}}, "plan.json"),
    ],
)
def test_malformed_snapshot_names_the_field(values: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_snapshot(values)
    assert caught.value.field == field


def test_only_what_was_published_is_compared_and_every_difference_has_its_path() -> None:
    published = {
        "totals": {"due_periods": 3, "held_rate": {"numerator": 1, "denominator": 3}},
        "by_week": {"2026-W36": {"credited_s": 5}},
    }
    found = {
        "totals": {
            "due_periods": 3,
            "held_rate": {"numerator": 2, "denominator": 3},
            "credited_s": 9,
        },
        "by_week": {},
    }
    assert list(differences(published, found)) == [
        Difference("by_week.2026-W36", {"credited_s": 5}, None),
        Difference("totals.held_rate.numerator", 1, 2),
    ]


def test_seats_are_compared_one_by_one_in_any_order() -> None:
    one = {"occurrence": "o1", "seat": "s1", "state": "held"}
    two = {"occurrence": "o1", "seat": "s2", "state": "held"}
    assert list(differences({"seats": [one, two]}, {"seats": [two, one]})) == []
    assert list(
        differences({"seats": [one, two]}, {"seats": [two, {**one, "state": "missed"}]})
    ) == [Difference("seats.o1/s1.state", "held", "missed")]


def test_what_only_one_side_has_is_a_difference_either_way() -> None:
    kept, found = {"a": 1, "b": {"x": 1}}, {"a": 1, "b": {"x": 2}, "c": 3}
    assert [d.to_dict() for d in every_difference("p", kept, found)] == [
        {"path": "p.b.x", "published": 1, "found": 2},
        {"path": "p.c", "published": None, "found": 3},
    ]
    assert list(every_difference("p", found, found)) == []
