"""The calendar over HTTP: read by everybody signed in, changed by administrators alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.accounts import Role
from tests.support.pages import office
from tests.support.web import PEOPLE, Site

pytestmark = pytest.mark.asyncio

DAY = {
    "school": "remote-1",
    "date": "2026-11-28",
    "exception": {"teaching": True, "follows_weekday": 5, "follows_week": 12},
    "reason": "补台风停课",
    "seen": 0,
}
TERM = {
    "id": "2027-spring",
    "name": "第二学期",
    "week1_monday": "2027-02-22",
    "first_day": "2027-02-22",
    "last_day": "2027-06-30",
    "reason": "教务处通知",
}
BELLS = {
    "id": "remote-1-summer",
    "school": "remote-1",
    "name": "夏令时",
    "valid_from": "2026-11-25",
    "periods": [{"no": 1, "start": "07:40", "end": "08:20"}],
    "reason": "夏令时",
}


async def change(
    served: Site, path: str, body: dict[str, Any], *, key: str = "k", role: Role = Role.ADMIN
) -> tuple[int, Any]:
    answer = await served.ask(
        "POST", f"/api/calendar/{path}", role=role, json=body, headers={"Idempotency-Key": key}
    )
    return answer.status, await answer.json()


async def day(served: Site, on: str, role: Role = Role.ADMIN) -> dict[str, Any]:
    answer = await served.ask("GET", f"/api/calendar?school=remote-1&from={on}&to={on}", role=role)
    body = await answer.json()
    assert answer.status == 200, body
    (found,) = body["days"]
    return dict(found)


async def test_everybody_signed_in_reads_one_answer_for_every_date(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for role in PEOPLE:
            assert await day(served, "2026-10-01", role) == {
                "date": "2026-10-01", "teaching": False, "follows_weekday": None, "week": None,
                "parity": None, "bell_set": "remote-1-bells", "term": "2026-autumn",
                "source": "all_schools", "reason": {"zh": "", "en": ""},
            }  # fmt: skip
        answer = await served.ask(
            "GET", "/api/calendar?school=remote-1&from=2026-11-01&to=2026-11-30", role=Role.TEACHER
        )
        assert len((await answer.json())["days"]) == 30


async def test_a_day_is_changed_and_the_change_is_in_the_history(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        status, made = await change(served, "days", DAY)
        assert (status, made["subject"], made["by"]) == (201, "remote-1/2026-11-28", "admin")
        assert await change(served, "days", DAY) == (201, made)
        found = await day(served, "2026-11-28")
        assert (found["follows_weekday"], found["week"], found["parity"], found["source"]) == (
            5, 12, "even", "school",
        )  # fmt: skip
        assert found["reason"] == {"zh": "补台风停课", "en": "补台风停课"}
        cleared = DAY | {"exception": None, "reason": "不补了", "seen": made["number"]}
        status, last = await change(served, "days", cleared, key="k2")
        assert (status, last["old"], last["new"]) == (201, made["new"], None)
        assert (await day(served, "2026-11-28"))["teaching"] is False
        for query in ("", "?school=remote-1", "?kind=day", "?subject=remote-1/2026-11-28"):
            answer = await served.ask("GET", f"/api/calendar/edits{query}", role=Role.TEACHER)
            assert (await answer.json())["edits"] == [last, made]
        answer = await served.ask("GET", "/api/calendar/edits?school=remote-2", role=Role.ADMIN)
        assert (await answer.json())["edits"] == []


async def test_a_second_administrator_is_told_of_the_first(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        _, made = await change(served, "days", DAY)
        status, refused = await change(served, "days", DAY | {"reason": "停电"}, key="k2")
        assert (status, refused["code"], refused["value"]) == (
            409, "calendar_changed", made["number"],
        )  # fmt: skip


async def test_terms_and_bell_sets_are_made_and_hold_at_once(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        assert (await day(served, "2027-03-01"))["teaching"] is False
        assert (await change(served, "terms", TERM))[0] == 201
        found = await day(served, "2027-03-01")
        assert (found["teaching"], found["week"], found["term"]) == (True, 2, "2027-spring")
        assert (await change(served, "bell-sets", BELLS, key="k2"))[0] == 201
        assert (await day(served, "2026-11-24"))["bell_set"] == "remote-1-bells"
        assert (await day(served, "2026-11-25"))["bell_set"] == "remote-1-summer"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("days", DAY | {"reason": ""}, "reason"),
        ("days", DAY | {"reason": "  "}, "reason"),
        ("days", DAY | {"school": "nowhere"}, "school"),
        ("days", DAY | {"date": "2026-02-30"}, "date"),
        ("days", DAY | {"date": "1026-02-03"}, "date"),
        ("days", DAY | {"exception": {"teaching": "yes"}}, "exception.teaching"),
        ("days", DAY | {"exception": {"teaching": True, "bell_set": "host-1-bells"}}, "bell_set"),
        ("days", DAY | {"exception": {"teaching": True, "follows_weekday": 9}},
         "exception.follows_weekday"),
        ("days", {k: v for k, v in DAY.items() if k != "exception"}, "exception"),
        ("terms", TERM | {"week1_monday": "2027-02-23"}, "week1_monday"),
        ("terms", TERM | {"first_day": "2027-01-25", "week1_monday": "2027-01-25"}, "first_day"),
        ("bell-sets", BELLS | {"periods": []}, "periods"),
        ("bell-sets", BELLS | {"periods": [{"no": 1, "start": "24:00", "end": "24:30"}]},
         "periods.0.start"),
        ("bell-sets", BELLS | {"id": "remote-2-bells"}, "id"),
        ("bell-sets", BELLS | {"valid_to": "2026-01-01"}, "valid_to"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused_naming_the_field_and_stores_nothing(
    tmp_path: Path, path: str, body: dict[str, Any], field: str
) -> None:
    async with office(tmp_path) as served:
        status, refused = await change(served, path, body)
        assert status in (409, 422)
        assert refused["field"] == field
        assert await served.store.calendar_edits(limit=10) == []


async def test_only_administrators_change_anything(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for role in (Role.TEACHER, Role.OPERATOR, Role.REVIEWER):
            for path, body in (("days", DAY), ("terms", TERM), ("bell-sets", BELLS)):
                assert (await change(served, path, body, role=role))[0] == 403


@pytest.mark.parametrize(
    "query", ["", "?school=remote-1", "?school=x&from=2026-09-01&to=2026-09-02",
              "?school=remote-1&from=2026-09-02&to=2026-09-01",
              "?school=remote-1&from=2026-09-01&to=2028-09-01"],
)  # fmt: skip
async def test_days_that_cannot_be_asked_for_are_refused(tmp_path: Path, query: str) -> None:
    async with office(tmp_path) as served:
        answer = await served.ask("GET", f"/api/calendar{query}", role=Role.ADMIN)
        assert answer.status == 422
