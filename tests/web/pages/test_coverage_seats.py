"""The list of seats: what is judged and what is to come, page by page."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.coverage import compute
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.rollup import result_of
from sync_classroom.domain.timetable import Plan
from sync_classroom.web.pages import coverage_seats
from sync_classroom.web.pages.coverage_seats import counted, seat_rows
from tests.support.pages import delivered, english, look, office
from tests.support.plans import lesson
from tests.support.rosters import programme

ENGLISH = english()
LATER = lesson("later", "14:00", "14:40", seats=["remote-1-r1"], subject="数学", periods=2)
PLAN = Plan(programme(), {OccurrenceId("english"): ENGLISH, OccurrenceId("later"): LATER})
FACTS = delivered(ENGLISH, {"english-s0": [(0, 2400)], "english-s1": [(0, 600)]}, [(0, 2400)])
COVERAGE = compute(PLAN, FACTS)
SEATS = [result_of(s, PLAN.roster.classrooms[s.seat.classroom].school) for s in COVERAGE.seats]
UNFINISHED = frozenset({OccurrenceId("later")})
PENDING = [s for s in SEATS if s.pending(UNFINISHED)]


def test_a_lesson_to_come_has_not_failed_and_accuses_nobody() -> None:
    rows = seat_rows(SEATS, PLAN.occurrences, PLAN.roster, UNFINISHED)
    assert [(r.lesson.subject, r.word.text, r.cause) for r in rows] == [
        ("英语", "已开", None),
        ("英语", "部分", "终端离线"),
        ("英语", "未开", "终端离线"),
        ("数学", "未上完", None),
    ]


def test_a_lesson_that_is_gone_meanwhile_has_no_row() -> None:
    rows = seat_rows(SEATS, {OccurrenceId("later"): LATER}, PLAN.roster, frozenset())
    assert [r.lesson.id for r in rows] == ["later"]


@pytest.mark.parametrize(
    ("state", "judged", "later"),
    [("", 3, 1), ("held", 1, 0), ("missed", 1, 0), ("moved", 0, 0), ("waiting", 0, 1)],
)
def test_seats_are_counted_without_reading_them(state: str, judged: int, later: int) -> None:
    found, to_come = counted(COVERAGE.totals, PENDING, state)
    assert (found, len(to_come)) == (judged, later)


@pytest.mark.asyncio
async def test_pages_go_through_all_seats_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage_seats, "SEATS_PER_PAGE", 2)
    async with office(tmp_path) as served:
        shown: list[str] = []
        for number in (1, 2, 3):
            page = await look(served, f"/coverage?from=2026-11-23&to=2026-11-23&page={number}")
            assert f"{number}/3" in page.text
            shown += [h for h in page.links() if "#seat-" in h]
        assert len(shown) == len(set(shown)) == 5
        assert [h.split("#")[0] for h in shown] == ["/lessons/english"] * 3 + ["/lessons/maths"] * 2
        page = await look(served, "/coverage?from=2026-11-23&to=2026-11-23&page=99")
        assert "3/3" in page.text
