"""Which reports are due, what a publication rests on, and why figures differ."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

from sync_classroom.domain.ids import TermId
from sync_classroom.domain.publications import (
    Basis,
    Publication,
    Report,
    Restatement,
    Why,
    basis_of,
    compare,
    due_reports,
    month_of,
    restated_in,
    why_in_words,
)
from sync_classroom.domain.report import ReportKind
from sync_classroom.domain.roster import Term
from tests.support.plans import at
from tests.support.reports import case

TERM = Term(TermId("t"), "上学期", date(2026, 8, 31), date(2026, 9, 1), date(2027, 1, 22))


def test_months_and_terms_are_due_when_they_are_over_and_not_for_ever() -> None:
    assert due_reports(date(2026, 12, 1), [TERM]) == [
        (ReportKind.MONTH, date(2026, 8, 1), date(2026, 8, 31)),
        (ReportKind.MONTH, date(2026, 9, 1), date(2026, 9, 30)),
        (ReportKind.MONTH, date(2026, 10, 1), date(2026, 10, 31)),
        (ReportKind.MONTH, date(2026, 11, 1), date(2026, 11, 30)),
    ]
    kinds = [kind for kind, _, _ in due_reports(date(2027, 1, 22), [TERM])]
    assert ReportKind.TERM not in kinds
    assert (ReportKind.TERM, TERM.first_day, TERM.last_day) in due_reports(
        date(2027, 1, 23), [TERM]
    )
    assert due_reports(date(2027, 9, 1), [TERM])[0][1] == date(2027, 5, 1)


def test_a_month_has_its_first_and_last_day() -> None:
    assert month_of(date(2028, 2, 10)) == (date(2028, 2, 1), date(2028, 2, 29))
    assert month_of(date(2026, 12, 31)) == (date(2026, 12, 1), date(2026, 12, 31))


def _basis() -> Basis:
    plan, _, coverage = case()
    return basis_of(coverage.to_dict(), plan, {"seat_media": 5}, {})


def test_a_basis_is_the_same_after_it_was_stored() -> None:
    basis = _basis()
    assert Basis.from_dict(json.loads(json.dumps(basis.to_dict()))) == basis


def test_nothing_differs_from_itself() -> None:
    basis = _basis()
    assert compare(basis, basis, basis) == ([], Why())


def test_what_evidence_changed_is_told_from_what_rules_changed() -> None:
    basis = _basis()
    totals = basis.figures["totals"]
    lessons = dict(list(basis.lessons.items())[1:]) | {"new": "x"}
    late = replace(
        basis,
        figures={**basis.figures, "totals": totals | {"held_periods": 99}},
        facts={"seat_media": 7, "headcount": 1},
        adjustments={"a": "王: 因"},
        lessons=lessons,
        roster="other",
    )
    rules = basis.figures["rules"] | {"version": "2"}
    now = replace(
        late,
        figures={**late.figures, "rules": rules, "totals": totals | {"held_periods": 98}},
    )
    found, why = compare(basis, late, now)
    assert [(d["path"], d["published"], d["found"], d["because"]) for d in found] == [
        ("totals.held_periods", totals["held_periods"], 99, "evidence"),
        ("totals.held_periods", 99, 98, "rules"),
    ]
    assert why.facts == {"headcount": 1, "seat_media": 2}
    assert why.adjustments == ("王: 因",)
    assert why.lessons == {"added": 1, "removed": 1}
    assert why.roster
    assert why.rules is not None
    assert why.rules[1].endswith(" 2")
    assert Why.from_dict(json.loads(json.dumps(why.to_dict()))) == why
    zh, en = why_in_words(why, "zh"), why_in_words(why, "en")
    assert "听讲媒体 +2 条" in zh
    assert "人工认定：王: 因" in zh
    assert "Seat media +2" in en
    assert "1 lessons added in the plan" in en


def test_sums_come_before_single_seats() -> None:
    basis = _basis()
    seats = [dict(s) for s in basis.figures["seats"]]
    seats[0]["credited_s"] += 1
    totals = basis.figures["totals"] | {"credited_s": 1}
    other = replace(basis, figures={**basis.figures, "seats": seats, "totals": totals})
    found, _ = compare(basis, other, other)
    assert [d["path"].partition(".")[0] for d in found] == ["totals", "seats"]


def test_a_report_tells_the_latest_restatement_of_every_publication_it_overlaps() -> None:
    def publication(no: int, first: int, last: int) -> Publication:
        return Publication(
            no, f"r{no}", ReportKind.MONTH, date(2026, 11, first), date(2026, 11, last), "zh",
            at("10:00"), at("11:00"), "chief", "", {}, {}, "one",
        )  # fmt: skip

    def restatement(no: int, *paths: str) -> Restatement:
        found = tuple({"path": p, "published": 1, "found": 2, "because": "evidence"} for p in paths)
        return Restatement(no, at("12:00"), "schedule", len(found), found, Why())

    mine = Report(
        "r9", "k9", ReportKind.PERIOD, date(2026, 11, 10), date(2026, 11, 20), "zh", (), "chief",
        at("13:00"), "one",
    )  # fmt: skip
    told = restated_in(
        mine,
        [publication(1, 1, 10), publication(2, 21, 30), publication(3, 15, 15)],
        {
            1: restatement(1, "totals.held_periods", "seats.o/s.state"),
            2: restatement(2, "totals.held_periods"),
            3: restatement(3),
        },
    )
    assert [t["publication"] for t in told] == ["No. 1 · 2026-11-01 – 2026-11-10 · 2026-11-23"]
    assert [d["path"] for d in told[0]["differences"]] == ["totals.held_periods"]
    assert told[0]["why_zh"] == why_in_words(Why(), "zh")
