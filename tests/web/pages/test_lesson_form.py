"""Planning a lesson by form."""

from __future__ import annotations

import json
from datetime import date, time
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import BellSetId, OccurrenceId, SchoolId
from sync_classroom.domain.roster import BellSet, Period
from tests.support.pages import look, office, read, send
from tests.support.plans import at

pytestmark = pytest.mark.asyncio

GOOD = [
    ("subject", "科学"),
    ("title", "声音的变化"),
    ("classroom", "host-1-r1"),
    ("teacher", "host-1-t1"),
    ("date", "2026-11-24"),
    ("starts", "09:40"),
    ("ends", "10:20"),
    ("periods", "1"),
    ("grade", "4"),
    ("seats", "remote-1-r1"),
    ("class-remote-1-r1", "remote-1-c2"),
    ("expected-remote-1-r1", "41"),
    ("seats", "remote-2-r3"),
    ("key", "once"),
]


def changed(**fields: str) -> list[tuple[str, str]]:
    names = {k.replace("_", "-") if k.startswith(("class", "expected")) else k for k in fields}
    kept = [(k, v) for k, v in GOOD if k not in names]
    return kept + [(k, v) for k, v in fields.items() if v]


async def test_a_lesson_is_planned_once_and_shown(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        first = await send(served, "/lessons/new", GOOD)
        again = await send(served, "/lessons/new", GOOD)
        assert first.status == again.status == 303
        assert first.headers["Location"] == again.headers["Location"]
        path, _, done = first.headers["Location"].partition("?")
        assert done == "done=lesson"
        made = await served.store.get_occurrence(OccurrenceId(path.rsplit("/", 1)[1]))
        assert made is not None
        assert (made.subject, made.title, made.grade, made.periods) == ("科学", "声音的变化", 4, 1)
        assert (made.starts_at, made.ends_at) == (
            at("09:40", "2026-11-24"),
            at("10:20", "2026-11-24"),
        )
        assert [(s.classroom, s.school_class, s.expected) for s in made.seats] == [
            ("remote-1-r1", "remote-1-c2", 41),
            ("remote-2-r3", None, None),
        ]
        page = await look(served, first.headers["Location"])
        assert "课次已安排" in page.text


async def test_without_script_the_period_fills_in_the_host_schools_times(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await send(served, "/lessons/new", changed(starts="", ends="", period="1"))
        made = await served.store.get_occurrence(
            OccurrenceId(answer.headers["Location"].partition("?")[0].rsplit("/", 1)[1])
        )
        assert made is not None
        assert (made.starts_at, made.ends_at) == (
            at("08:10", "2026-11-24"),
            at("08:50", "2026-11-24"),
        )


async def test_the_page_gives_script_the_bell_times_of_every_studio(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/lessons/new?date=2026-11-24&seat=remote-3-r1")
        text = page.html.partition('id="bells">')[2].partition("</script>")[0]
        bells = json.loads(text)
        (run,) = bells["host-1-r1"]
        assert run["periods"][0] == {"no": 1, "start": "08:10", "end": "08:50"}
        assert (run["from"], run["to"]) == ("2026-05-28", "2027-05-23")
        assert "remote-1-r1" not in bells
        (box,) = page.all("input", value="remote-3-r1")
        assert "checked" in box
        assert page.all("input", name="date")[0]["value"] == "2026-11-24"
        groups = [g["label"] for g in page.all("optgroup")]
        assert set(groups) == {"学校 host-1", "学校 host-2"}


async def test_times_of_a_period_are_of_the_bells_that_hold_on_the_date(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        later = BellSet(
            BellSetId("later"), SchoolId("host-1"), (Period(1, time(9, 10), time(9, 50)),),
            "冬令时", date(2026, 12, 1), date(2026, 12, 31),
        )  # fmt: skip
        await served.services.calendar.edit(later, reason="冬", seen=0, actor="admin", key="k")
        page = await look(served, "/lessons/new?date=2026-11-24")
        text = page.html.partition('id="bells">')[2].partition("</script>")[0]
        runs = [
            (r["from"], r["to"], r["periods"][0]["start"]) for r in json.loads(text)["host-1-r1"]
        ]
        assert runs == [
            ("2026-05-28", "2026-11-30", "08:10"),
            ("2026-12-01", "2026-12-31", "09:10"),
            ("2027-01-01", "2027-05-23", "08:10"),
        ]
        fields = changed(starts="", ends="", period="1", date="2026-12-01")
        answer = await send(served, "/lessons/new", fields)
        made = await served.store.get_occurrence(
            OccurrenceId(answer.headers["Location"].partition("?")[0].rsplit("/", 1)[1])
        )
        assert made is not None
        assert made.starts_at == at("09:10", "2026-12-01")


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"subject": ""}, "subject", "请填写学科"),
        ({"subject": "学" * 41}, "subject", "最多 40"),
        ({"title": "题" * 121}, "title", "最多 120"),
        ({"teacher": "nobody"}, "teacher", "请选择主讲教师"),
        ({"classroom": ""}, "classroom", "请选择主讲教室"),
        ({"date": "24.11.2026"}, "date", "24.11.2026"),
        ({"starts": "9.40"}, "starts", "9.40"),
        ({"starts": ""}, "starts", "请填写时刻，或选一个节次"),
        ({"ends": "09:40"}, "ends", "晚于 09:40"),
        ({"periods": "9"}, "periods", "1 到 4"),
    ],
)
async def test_what_is_wrong_is_said_next_to_the_field_and_nothing_typed_is_lost(
    tmp_path: Path, fields: dict[str, str], name: str, words: str
) -> None:
    async with office(tmp_path) as served:
        page = await read(await send(served, "/lessons/new", changed(**fields)), 422)
        wrong = [a for _, a in page.tags if a.get("id") == name]
        assert wrong[0]["aria-invalid"] == "true"
        assert f"{name}-error" in page.ids
        assert words in page.text
        assert "checked" in page.all("input", value="remote-1-r1")[0]
        assert "selected" in page.all("option", value="remote-1-c2")[0]
        assert page.all("input", name="expected-remote-1-r1")[0]["value"] == "41"
        if name != "title":
            assert page.all("input", name="title")[0]["value"] == "声音的变化"


async def test_a_lesson_needs_a_remote_classroom(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await read(await send(served, "/lessons/new", changed(seats="")), 422)
        assert "请至少选一间听课教室" in page.text
        page = await read(await send(served, "/lessons/new", changed(seats="moon-r1")), 422)
        assert "moon-r1" in page.text


async def test_a_clash_names_who_holds_the_room_where_it_was_chosen(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        fields = changed(date="2026-11-23", starts="14:20", ends="15:00")
        page = await read(await send(served, "/lessons/new", fields), 409)
        assert "seat-remote-1-r1-error" in page.ids
        assert "seat-remote-2-r3-error" not in page.ids
        assert "14:00–14:40 已有课：数学，1老师（学校 host-2）" in page.text
        assert "1 间听课教室这个时间不能用" in page.text
        assert "checked" in page.all("input", value="remote-2-r3")[0]


async def test_a_clash_of_studio_and_teacher_is_said_at_both(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        fields = changed(
            date="2026-11-23", starts="14:20", ends="15:00", classroom="host-2-r1",
            teacher="host-2-t1", seats="remote-5-r5",
        )  # fmt: skip
        page = await read(await send(served, "/lessons/new", fields), 409)
        for name in ("classroom", "teacher"):
            (select,) = page.all("select", name=name)
            assert select["aria-invalid"] == "true"
            assert f"{name}-error" in page.ids


async def test_a_lesson_in_the_past_is_refused_with_its_reason(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await read(await send(served, "/lessons/new", changed(date="2026-11-20")), 422)
        assert page.all("p", **{"class": "error"}) or page.all("div", role="alert")


async def test_an_empty_roster_says_how_to_fill_it(tmp_path: Path) -> None:
    async with office(tmp_path, empty=True) as served:
        page = await look(served, "/lessons/new")
        assert "sync-classroom init" in page.text
        assert page.all("form", action="/lessons/new") == []


async def test_only_administrators_plan(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for role in (Role.TEACHER, Role.REVIEWER, Role.OPERATOR):
            assert (await send(served, "/lessons/new", GOOD, role=role)).status == 403
