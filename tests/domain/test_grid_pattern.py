"""The rules of a term in one grid."""

from __future__ import annotations

from sync_classroom.domain.grid import Grid, Piece
from sync_classroom.domain.grid_pattern import halves, pattern_grid, without_place
from sync_classroom.domain.grid_views import View, ViewKind
from sync_classroom.domain.series import Series, WeekKind, WeekRule
from tests.support.week import MONDAY, plan, programme, rule

ODD, EVEN = WeekRule(WeekKind.ODD), WeekRule(WeekKind.EVEN)
HOST = View(ViewKind.HOST, "host")


def drawn(*rules: Series, view: View = HOST) -> Grid:
    return pattern_grid(view, MONDAY, rules, plan(programme(), rules=rules))


def test_rules_stand_on_their_weekday_and_period_without_dates() -> None:
    grid = drawn(rule("s", 2, 3))
    assert [(c.weekday, c.date) for c in grid.columns] == [(n, None) for n in range(1, 6)]
    assert [e.id for e in grid.at(3, 1)] == ["s"]
    assert grid.lessons == 1


def test_a_rule_on_saturday_brings_its_column() -> None:
    assert [c.weekday for c in drawn(rule("s", 6, 1)).columns] == [1, 2, 3, 4, 5, 6]


def test_odd_and_even_weeks_share_a_split_cell() -> None:
    grid = drawn(rule("o", 1, 1, weeks=ODD), rule("e", 1, 1, weeks=EVEN), rule("x", 1, 1))
    cell = halves(grid.at(0, 0))
    assert cell.split
    assert [[e.id for e in half] for half in (cell.every, cell.odd, cell.even)] == [
        ["x"], ["o"], ["e"],
    ]  # fmt: skip
    assert not halves(drawn(rule("x", 1, 1)).at(0, 0)).split


def test_listed_weeks_are_odd_or_even_only_if_all_of_them_are() -> None:
    def side(*weeks: int) -> str:
        listed = WeekRule(WeekKind.LISTED, weeks)
        cell = halves(drawn(rule("s", 1, 1, weeks=listed)).at(0, 0))
        return "odd" if cell.odd else "even" if cell.even else "every"

    assert [side(1, 3, 9), side(2, 4), side(1, 2)] == ["odd", "even", "every"]


def test_a_rule_is_seen_by_the_bells_of_the_remote_school() -> None:
    grid = drawn(rule("s", 1, 3), view=View(ViewKind.CLASSROOM, "a-r1"))
    pieces = [
        (grid.rows[row].no, e.piece) for (row, _), cell in sorted(grid.cells.items()) for e in cell
    ]
    assert pieces == [(3, Piece.FIRST), (4, Piece.LAST)]


def test_a_double_rule_has_the_times_of_both_its_periods() -> None:
    entry = drawn(rule("s", 1, 5, span=2)).at(6, 0)[0]
    assert (entry.start.isoformat(), entry.end.isoformat()) == ("13:40:00", "15:10:00")
    assert entry.periods == (5, 6)


def test_a_rule_beyond_the_last_period_or_without_place_stands_nowhere() -> None:
    grid = drawn(rule("beyond", 1, 6, span=2), rule("missing", 1, 9), rule("waiting", None, None))
    assert grid.cells == {}


def test_rules_without_place_are_listed_by_grade_and_subject() -> None:
    rules = (
        rule("c", None, None, grade=5, subject="科学"),
        rule("placed", 1, 1),
        rule("b", None, None, grade=2, subject="美术"),
        rule("a", 1, None, grade=2, subject="美术"),
    )
    assert [s.id for s in without_place(rules)] == ["a", "b", "c"]
