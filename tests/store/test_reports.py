"""Reports, publications and restatements on both engines."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.publications import (
    Basis,
    Publication,
    Report,
    ReportState,
    Restatement,
    Why,
)
from sync_classroom.domain.report import ReportKind
from sync_classroom.store.database import Database
from sync_classroom.store.report_tables import publications, restatements
from tests.support.plans import at

pytestmark = pytest.mark.asyncio

DAY = date(2026, 11, 1)
BASIS = Basis({"totals": {"due_seats": 1}}, {"host_media": 2}, {"a:1": "x: y"}, {"o-1": "ab"}, "cd")


def report(ident: str, **changes: Any) -> Report:
    made = Report(
        ident, f"key-{ident}", ReportKind.MONTH, DAY, date(2026, 11, 30), "zh", ("pdf", "csv"),
        "chief", at("09:00"), "one",
    )  # fmt: skip
    return replace(made, **changes)


def publication(of: str, **changes: Any) -> Publication:
    made = Publication(
        0, of, ReportKind.MONTH, DAY, date(2026, 11, 30), "zh", at("10:00"), at("11:00"), "chief",
        "审核", {"plan.json": "ab"}, {"report.pdf": {"bytes": 5, "sha256": "cd"}}, "one", BASIS,
    )  # fmt: skip
    return replace(made, **changes)


async def add(store: Database, made: Report) -> Report | None:
    """Store a report, with room for many."""
    return await store.add_report(made, most_waiting=20)


async def test_a_report_comes_back_as_it_was_stored_and_a_key_stores_once(store: Database) -> None:
    first = await add(store, report("r1"))
    assert first == report("r1")
    assert first is not None
    assert await add(store, report("r2", key="key-r1")) == first
    done = replace(
        first, state=ReportState.DONE, step="", percent=100, done_at=at("10:00"),
        cut_off=at("09:59"), files={"report.pdf": {"bytes": 5, "sha256": "ab"}},
        sha256={"plan.json": "cd"}, held=(1, 2),
    )  # fmt: skip
    await store.save_report(done)
    assert await store.report("r1") == done
    assert await store.report_by_key("key-r1") == done
    assert await store.report("r9") is None
    failed = replace(done, state=ReportState.FAILED, failure={"code": "x", "zh": "甲", "en": "a"})
    await store.save_report(failed)
    assert await store.report("r1") == failed


async def test_lists_are_newest_first_without_what_was_removed(store: Database) -> None:
    for n in range(3):
        await add(store, report(f"r{n}", at=at(f"09:0{n}")))
    await store.save_report(report("r1", state=ReportState.REMOVED))
    assert [r.id for r in await store.reports(limit=9)] == ["r2", "r0"]
    assert [r.id for r in await store.reports(limit=1)] == ["r2"]
    assert [r.id for r in await store.unfinished_reports("one")] == ["r0", "r2"]
    assert await store.unfinished_reports("two") == []


async def test_publications_are_numbered_and_made_once_for_key_and_report(store: Database) -> None:
    for n in range(3):
        await add(store, report(f"r{n}", state=ReportState.DONE))
    made = await asyncio.gather(
        *(store.add_publication(publication(f"r{n % 2}"), key=f"p{n % 2}") for n in range(6))
    )
    assert sorted({p.no for p, _ in filter(None, made)}) == [1, 2]
    assert all(ours for _, ours in filter(None, made))
    stored = await store.add_publication(publication("r0", by="other"), key="another")
    assert stored is not None
    again, ours = stored
    assert (again.by, again.report, ours) == ("chief", "r0", False)
    assert again.basis == BASIS
    listed = await store.publications()
    assert [p.no for p in listed] == [2, 1]
    assert {p.basis for p in listed} == {None}
    assert await store.publication(again.no) == again
    assert await store.publication(9) is None


async def test_restatements_are_newest_first(store: Database) -> None:
    await add(store, report("r0", state=ReportState.DONE))
    stored = await store.add_publication(publication("r0"), key="p")
    assert stored is not None
    made, _ = stored
    why = Why({"seat_media": 3}, ("王: 因",), {"changed": 1}, True, ("a 1", "a 2"))
    difference = {"path": "totals.due_seats", "published": 1, "found": 2, "because": "rules"}
    first = await store.add_restatement(
        Restatement(made.no, at("12:00"), "chief", 1, [difference], why)
    )
    second = await store.add_restatement(Restatement(made.no, at("13:00"), "x", 0, [], Why()))
    assert await store.restatements(made.no, limit=9) == [second, first]
    assert await store.restatements(made.no, limit=1) == [second]
    assert await store.restatements(9, limit=9) == []
    assert await store.latest_restatements() == {made.no: second}


async def test_what_was_published_and_restated_cannot_be_changed(store: Database) -> None:
    await add(store, report("r0", state=ReportState.DONE))
    stored = await store.add_publication(publication("r0"), key="p")
    assert stored is not None
    made, _ = stored
    await store.add_restatement(Restatement(made.no, at("12:00"), "chief", 0, [], Why()))
    for statement in (
        update(publications).values(note="x"), delete(publications),
        update(restatements).values(total=9), delete(restatements),
    ):  # fmt: skip
        with pytest.raises((DBAPIError, ProblemError)):
            async with store._database.write() as connection:
                await connection.execute(statement)


async def test_of_many_asked_for_at_once_no_more_are_stored_than_may_wait(store: Database) -> None:
    await add(store, report("elsewhere", place="two"))
    await add(store, report("done", state=ReportState.DONE))
    made = await asyncio.gather(
        *(store.add_report(report(f"r{n}"), most_waiting=3) for n in range(12))
    )
    assert sum(r is not None for r in made) == 3
    assert len(await store.unfinished_reports("one")) == 3
    # What is stored already is found again, however many wait.
    first = next(r for r in made if r is not None)
    assert await store.add_report(replace(first, id="other"), most_waiting=3) == first


async def test_a_report_is_published_or_removed_but_never_both(store: Database) -> None:
    for n in range(6):
        ident = f"r{n}"
        await add(store, report(ident, state=ReportState.DONE))
        made, gone = await asyncio.gather(
            store.add_publication(publication(ident), key=ident), store.remove_report(ident)
        )
        assert (made is None) == gone
        found = await store.report(ident)
        assert found is not None
        assert (found.state is ReportState.REMOVED) == gone


async def test_only_a_finished_report_is_removed_and_once(store: Database) -> None:
    await add(store, report("waits"))
    await add(store, report("failed", state=ReportState.FAILED))
    assert not await store.remove_report("waits")
    assert not await store.remove_report("never")
    assert await store.remove_report("failed")
    assert not await store.remove_report("failed")
    assert await store.add_publication(publication("waits"), key="p") is None
    assert await store.add_publication(publication("failed"), key="q") is None
    assert await store.publications() == []
