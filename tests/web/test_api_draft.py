"""A draft over HTTP: edits with what they touch, refusals with who was first, places judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.plan_diff import from_dict
from sync_classroom.domain.series import WeekKind, WeekRule
from tests.support.drafts import rule, seat
from tests.support.timetable_site import DRAFT, PUBLISH, adding, post, published, read, term_site

pytestmark = pytest.mark.asyncio
FIRST = "eng-20260907"


async def test_an_edit_answers_with_what_it_touched(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        answer = await post(served, f"{DRAFT}/steps", {"seen": 0, "command": adding()})
        made = await answer.json()
        assert (answer.status, made["revision"]) == (200, 1)
        assert [o["id"] for o in made["lessons"]][:2] == [FIRST, "eng-20260914"]
        assert made["lessons"][0]["slot"] == {"series": "eng", "date": "2026-09-07", "own": False}
        assert [s["id"] for s in made["series"]] == ["eng"]
        assert (made["gone"], made["blocks"], made["warnings"]) == ([], [], [])
        assert (made["step"]["command"], made["step"]["by"]) == ("add_series", "admin")


async def test_the_draft_lists_the_lessons_of_the_days_asked_for(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        await post(served, f"{DRAFT}/steps", {"seen": 0, "command": adding()})
        draft = await read(served, DRAFT)
        assert (draft["revision"], draft["lessons"], draft["series"]) == (1, [], [])
        assert draft["changes"] == {"new": 8, "series_new": 1}
        assert [s["seq"] for s in draft["steps"]] == [1]
        week = await read(served, f"{DRAFT}?from=2026-09-07&to=2026-09-13")
        assert [o["id"] for o in week["lessons"]] == [FIRST]
        assert [s["id"] for s in week["series"]] == ["eng"]
        one = await read(served, f"{DRAFT}?to=2026-09-14", role=Role.TEACHER)
        assert [o["id"] for o in one["lessons"]] == ["eng-20260914"]
        for bad in ("from=2026-09-08&to=2026-09-07", "from=2026-09-01&to=2026-10-30"):
            refused = await served.ask("GET", f"{DRAFT}?{bad}", role=Role.ADMIN)
            assert (refused.status, (await refused.json())["code"]) == (422, "period")


async def test_a_list_of_commands_is_one_step(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        both = [adding(), adding(rule("maths", 2, n=2, seats=(seat("remote-2-r1"),)))]
        made = await (await post(served, f"{DRAFT}/steps", {"seen": 0, "command": both})).json()
        assert (made["revision"], made["step"]["command"]) == (1, "several")
        refused = await post(served, f"{DRAFT}/steps", {"seen": 1, "command": []})
        assert refused.status == 422


async def test_a_repeated_request_edits_once(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        body = {"seen": 0, "command": adding()}
        answers = [await post(served, f"{DRAFT}/steps", body, key="same") for _ in range(2)]
        assert [(await a.json())["revision"] for a in answers] == [1, 1]


async def test_a_second_editor_is_told_who_was_first(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        await published(served)
        await served.services.accounts.add_user("wang", "王", Role.ADMIN, "x" * 12)
        cancel = {"do": "cancel_lesson", "lesson": FIRST, "reason": "停电"}
        assert (await post(served, f"{DRAFT}/steps", {"seen": 2, "command": cancel})).status == 200
        served.cookies[Role.ADMIN], _ = await served.services.accounts.sign_in(
            "wang", "x" * 12, address="192.0.2.7"
        )
        rename = {"do": "change_lesson", "lesson": FIRST, "title": "Unit 7"}
        refused = await post(served, f"{DRAFT}/steps", {"seen": 2, "command": rename})
        problem = await refused.json()
        assert (refused.status, problem["code"]) == (409, "draft_changed")
        assert [(v["by"], v["lessons"]) for v in problem["value"]] == [("admin", [FIRST])]


async def test_undo_redo_and_discard_answer_with_what_there_is_now(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        await post(served, f"{DRAFT}/steps", {"seen": 0, "command": adding()})
        undone = await (await post(served, f"{DRAFT}/undo", {"seen": 1})).json()
        assert (undone["revision"], undone["lessons"], undone["step"]["undone"]) == (2, [], True)
        assert set(undone["gone"]) >= {FIRST, "eng"}
        redone = await (await post(served, f"{DRAFT}/redo", {"seen": 2})).json()
        assert (redone["revision"], len(redone["lessons"]), redone["gone"]) == (3, 8, [])
        discarded = await (await post(served, f"{DRAFT}/discard", {"seen": 3})).json()
        assert (discarded["revision"], discarded["step"]) == (4, None)
        assert (await read(served, DRAFT))["steps_total"] == 0
        refused = await post(served, f"{DRAFT}/undo", {"seen": 4})
        assert (refused.status, (await refused.json())["code"]) == (409, "nothing_to_undo")


async def test_the_diff_comes_in_parts_that_read_back(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        await post(served, f"{DRAFT}/steps", {"seen": 0, "command": adding()})
        part = await read(served, f"{DRAFT}/diff?offset=1&limit=2")
        assert (part["total"], part["changes"]) == (9, {"new": 8, "series_new": 1})
        assert [from_dict(e).lesson for e in part["entries"]] == [FIRST, "eng-20260914"]


async def test_the_check_lists_clashes_and_warnings(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        await post(served, f"{DRAFT}/steps", {"seen": 0, "command": adding()})
        rival = rule("maths", 1, 1, n=2, seats=(replace(seat(), expected=99, school_class=None),))
        made = await (
            await post(served, f"{DRAFT}/steps", {"seen": 1, "command": adding(rival)})
        ).json()
        assert made["blocks"][0] == {
            "resource": {"kind": "classroom", "id": "remote-1-r1"},
            "lessons": [FIRST, "maths-20260907"],
            "from": "2026-09-07T08:10:00+08:00",
            "to": "2026-09-07T08:50:00+08:00",
        }
        checked = await read(served, f"{DRAFT}/check")
        assert (checked["blocks_total"], checked["warnings_total"]) == (8, 8)
        assert checked["warnings"][0] == {
            "rule": "capacity", "lesson": "maths-20260907", "seat": "maths-20260907-s01",
        }  # fmt: skip
        refused = await post(served, PUBLISH, {"seen": 2, "note": "开学"})
        problem = await refused.json()
        assert (refused.status, problem["code"]) == (409, "booking_clash")
        assert len(problem["clashes"]) == 8


async def test_places_are_judged_and_suggested(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        await post(served, f"{DRAFT}/steps", {"seen": 0, "command": adding()})
        rival = rule("maths", 1, 2, n=2)
        await post(served, f"{DRAFT}/steps", {"seen": 1, "command": adding(rival)})
        judged = await read(served, f"{DRAFT}/targets?lesson={FIRST}")
        monday = [t for t in judged["targets"] if t["date"] == "2026-09-07"]
        assert [(t["period"], t["free"]) for t in monday] == [(1, True), (2, False), (3, True)]
        assert monday[1]["obstacles"][0] == {
            "why": "taken", "kind": "class", "resource": "remote-1-c1",
            "lesson": "maths-20260907", "seat": f"{FIRST}-s01",
        }  # fmt: skip
        later = await read(served, f"{DRAFT}/targets?lesson={FIRST}&week=3")
        assert later["targets"][0]["date"] == "2026-09-14"
        assert (later["lesson"], later["series"], later["rule_targets"]) == (FIRST, None, [])
        free = await read(served, f"{DRAFT}/free?lesson={FIRST}&limit=1")
        assert [(p["date"], p["period"], p["reason"]) for p in free["places"]] == [
            ("2026-09-07", 3, "same_day")
        ]
        for path in ("targets", "free"):
            refused = await served.ask("GET", f"{DRAFT}/{path}?lesson=o-9", role=Role.ADMIN)
            assert (refused.status, (await refused.json())["code"]) == (404, "unknown_lesson")


async def test_only_administrators_edit_and_publish(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        for role in (Role.TEACHER, Role.REVIEWER, Role.OPERATOR):
            assert (await read(served, DRAFT, role=role))["revision"] == 0
            for path, body in (
                (f"{DRAFT}/steps", {"seen": 0, "command": adding()}),
                (f"{DRAFT}/undo", {"seen": 0}),
                (f"{DRAFT}/redo", {"seen": 0}),
                (f"{DRAFT}/discard", {"seen": 0}),
                (PUBLISH, {"seen": 0, "note": "x"}),
                (f"/api/lessons/{FIRST}/amend", {"command": {"do": "restore_lesson"}}),
            ):
                assert (await post(served, path, body, role=role)).status == 403
        assert (await served.ask("GET", DRAFT)).status == 401


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"do": "fly"}, "malformed_data"),
        ({}, "malformed_data"),
        ({"do": "cancel_lesson", "lesson": "eng-20260907"}, "malformed_data"),
        ({"do": "cancel_lesson", "lesson": "o-9", "reason": "x"}, "unknown_lesson"),
        ({"do": "cancel_lesson", "lesson": "eng-20260907", "reason": " "}, "reason_missing"),
        ({"do": "cancel_lesson", "lesson": "eng-20260907", "reason": "x", "why": 1},
         "malformed_data"),
        ({"do": "move_lesson", "lesson": "eng-20260907",
          "place": {"date": "2026-09-07", "period": 99}}, "period_unknown"),
    ],
)  # fmt: skip
async def test_bad_commands_are_refused_with_a_sentence(
    tmp_path: Path, command: dict[str, object], code: str
) -> None:
    async with term_site(tmp_path) as served:
        await published(served)
        refused = await post(served, f"{DRAFT}/steps", {"seen": 2, "command": command})
        problem = await refused.json()
        assert problem["code"] == code
        assert refused.status in (404, 409, 422)
        assert problem["zh"].endswith(("。", "”")) or problem["zh"]
        assert (await read(served, DRAFT))["revision"] == 2


async def test_a_rule_is_judged_over_the_whole_term(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        rival = rule("maths", 2, 3, n=2)  # the same remote room, every other Tuesday
        rival = replace(rival, weeks=WeekRule(WeekKind.ODD))
        await post(served, f"{DRAFT}/steps", {"seen": 0, "command": [adding(), adding(rival)]})
        judged = await read(served, f"{DRAFT}/targets?series=eng")
        assert (judged["lesson"], judged["series"], judged["revision"]) == (None, "eng", 1)
        assert judged["targets"] == []
        places = {(t["weekday"], t["period"]): t for t in judged["rule_targets"]}
        assert places[1, 1]["free"]  # its own lessons are not in its way
        assert (places[1, 1]["lessons"], places[1, 1]["obstacles_total"]) == (8, 0)
        taken = places[2, 3]
        lessons = [o["lesson"] for o in taken["obstacles"]]
        assert not taken["free"]
        assert taken["obstacles_total"] == len(lessons) == 2 * len(set(lessons))
        assert {o["date"].replace("-", "") for o in taken["obstacles"]} == {
            lesson.removeprefix("maths-") for lesson in lessons
        }
        assert {(o["why"], o["kind"], o["seat"]) for o in taken["obstacles"]} == {
            ("taken", "classroom", None), ("taken", "class", None)
        }  # fmt: skip
        gone = await served.ask("GET", f"{DRAFT}/targets?series=planet", role=Role.ADMIN)
        assert (gone.status, (await gone.json())["code"]) == (404, "unknown_series")
        for query in ("", "?week=3", f"?lesson={FIRST}&series=eng"):
            refused = await served.ask("GET", f"{DRAFT}/targets{query}", role=Role.ADMIN)
            assert (refused.status, (await refused.json())["code"]) == (422, "lesson_or_series")
