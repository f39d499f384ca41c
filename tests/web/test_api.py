"""The HTTP API through a real server: what people and devices do with it, and bounded fuzzing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from sync_classroom.coordinator.accounts import SESSION_IDLE
from sync_classroom.domain.accounts import Role
from tests.support.plans import at
from tests.support.web import PASSWORD, Site, closed, site

ADMIN, TEACHER = Role.ADMIN, Role.TEACHER
LESSON: dict[str, Any] = {
    "title": "Unit 6 Meet my family",
    "subject": "英语",
    "teacher": "host-1-t1",
    "classroom": "host-1-r1",
    "starts_at": "2026-11-23T09:00:00+08:00",
    "ends_at": "2026-11-23T09:40:00+08:00",
    "grade": 3,
    "seats": [
        {"classroom": "far-1-r1", "class": "far-1-c1", "expected": 42},
        {"classroom": "far-1-r2"},
    ],
}


async def plan(served: Site, key: str = "k1", **changes: Any) -> Any:
    return await served.ask(
        "POST",
        "/api/lessons",
        role=ADMIN,
        json=LESSON | changes,
        headers={"Idempotency-Key": key},
    )


# ---------------------------------------------------------------------------- people


@pytest.mark.asyncio
async def test_signing_in_and_out(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        wrong = await served.ask("POST", "/api/session", json={"login": "admin", "password": "x"})
        assert wrong.status == 401
        assert (await wrong.json())["code"] == "sign_in_wrong"
        assert "Set-Cookie" not in wrong.headers
        me = await (await served.ask("GET", "/api/session", role=TEACHER)).json()
        assert me["login"] == "teacher"
        assert me["role"] == "teacher"
        assert "password_hash" not in me
        assert (await served.ask("DELETE", "/api/session", role=TEACHER)).status == 204
        assert (await served.ask("GET", "/api/session", role=TEACHER)).status == 401
        assert (await served.ask("DELETE", "/api/session")).status == 204


@pytest.mark.asyncio
async def test_a_session_expires(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        served.clock.turn(hours=11)
        assert (await served.ask("GET", "/api/session", role=ADMIN)).status == 200
        served.clock.now += SESSION_IDLE - timedelta(seconds=1)
        assert (await served.ask("GET", "/api/session", role=ADMIN)).status == 200
        served.clock.now += SESSION_IDLE
        assert (await served.ask("GET", "/api/session", role=ADMIN)).status == 401


@pytest.mark.asyncio
async def test_guessing_is_answered_with_429_and_when_to_come_back(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        guess = {"login": "admin", "password": "a wrong password"}
        statuses = [
            (await served.ask("POST", "/api/session", json=guess)).status for _ in range(10)
        ]
        assert statuses == [401] * 10
        limited = await served.ask(
            "POST", "/api/session", json={"login": "admin", "password": PASSWORD}
        )
        assert limited.status == 429
        assert limited.headers["Retry-After"] == "30"
        assert (await served.ask("GET", "/api/session", role=ADMIN)).status == 200


@pytest.mark.asyncio
async def test_the_setup_link_over_http(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        token = await served.services.accounts.setup_link()
        body = {"token": token, "login": "root", "name": "根", "password": PASSWORD}
        wrong = await served.ask("POST", "/api/setup", json=body | {"token": "x"})
        assert (wrong.status, (await wrong.json())["code"]) == (403, "setup_link_spent")
        made = await served.ask("POST", "/api/setup", json=body)
        assert (made.status, (await made.json())["role"]) == (201, "admin")
        again = await served.ask("POST", "/api/setup", json=body | {"login": "root2"})
        assert again.status == 403


@pytest.mark.asyncio
async def test_accounts_are_made_changed_closed_and_opened(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        new = {"login": "li", "name": "李老师", "role": "teacher", "password": PASSWORD}
        made = await served.ask("POST", "/api/users", role=ADMIN, json=new)
        user = await made.json()
        assert made.status == 201
        twice = await served.ask("POST", "/api/users", role=ADMIN, json=new)
        assert (twice.status, (await twice.json())["field"]) == (409, "login")
        path = f"/api/users/{user['id']}"
        changed = await served.ask(
            "PATCH", path, role=ADMIN, json={"teacher": "host-1-t1", "language": "en"}
        )
        assert (await changed.json())["teacher"] == "host-1-t1"
        cleared = await served.ask("PATCH", path, role=ADMIN, json={"teacher": None})
        assert (await cleared.json())["teacher"] is None
        assert (await cleared.json())["language"] == "en"
        unknown = await served.ask("PATCH", path, role=ADMIN, json={"school": "nowhere"})
        assert (unknown.status, (await unknown.json())["code"]) == (422, "school_unknown")
        closed_ = await served.ask("POST", path + "/disable", role=ADMIN)
        assert (await closed_.json())["disabled_at"] is not None
        opened = await served.ask("POST", path + "/enable", role=ADMIN)
        assert (await opened.json())["disabled_at"] is None
        last = await served.ask("POST", f"/api/users/{served.users[ADMIN].id}/disable", role=ADMIN)
        assert (last.status, (await last.json())["code"]) == (409, "last_admin")


@pytest.mark.asyncio
async def test_a_secret_is_never_repeated(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        for body in (
            {"login": "x", "password": "s3cret" * 100},
            {"login": "x", "password": 12345},
        ):
            refused = await served.ask("POST", "/api/session", json=body)
            assert refused.status == 422
            text = await refused.text()
            assert "s3cret" not in text
            assert "12345" not in text


# ---------------------------------------------------------------------------- lessons


@pytest.mark.asyncio
async def test_a_lesson_is_planned_read_and_cancelled(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        made = await plan(served)
        lesson = await made.json()
        assert made.status == 201
        assert lesson["state"] == "planned"
        assert lesson["host"]["teacher"]["id"] == "host-1-t1"
        assert [s["classroom"]["id"] for s in lesson["seats"]] == ["far-1-r1", "far-1-r2"]
        assert lesson["seats"][0]["expected"] == 42
        again = await plan(served)
        assert (await again.json())["id"] == lesson["id"]
        path = f"/api/lessons/{lesson['id']}"
        assert await (await served.ask("GET", path, role=TEACHER)).json() == lesson
        listed = await served.ask("GET", "/api/lessons?from=2026-11-23&to=2026-11-23", role=TEACHER)
        (entry,) = (await listed.json())["lessons"]
        assert (entry["id"], entry["seats_due"], entry["seats_online"]) == (lesson["id"], 2, 0)
        seat = lesson["seats"][1]["id"]
        cancel = {"reason": "停电", "excused": True, "seat": seat}
        done = await served.ask(
            "POST", path + "/cancel", role=ADMIN, json=cancel, headers={"Idempotency-Key": "c1"}
        )
        assert done.status == 200
        shown = await done.json()
        assert [s["withdrawn"] for s in shown["seats"]] == [False, True]
        assert shown["changes"][0]["reason"] == "停电"
        timeline = await (await served.ask("GET", path + "/timeline", role=TEACHER)).json()
        assert timeline["lesson"] == lesson["id"]
        assert timeline["host"] == []


@pytest.mark.asyncio
async def test_a_double_booking_lists_its_clashes(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        first = await (await plan(served)).json()
        later = {
            "starts_at": "2026-11-23T09:30:00+08:00",
            "ends_at": "2026-11-23T10:10:00+08:00",
        }
        second = await plan(served, "k2", teacher="host-1-t2", **later)
        assert second.status == 409
        body = await second.json()
        rooms = {c["resource"] for c in body["clashes"] if c["kind"] == "classroom"}
        assert rooms == {"host-1-r1", "far-1-r1", "far-1-r2"}
        assert all(first["id"] in c["occurrences"] for c in body["clashes"])
        assert body["zh"]


@pytest.mark.asyncio
async def test_two_at_once_cannot_book_one_room(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        answers = await asyncio.gather(*(plan(served, f"k{n}") for n in range(8)))
        assert sorted(a.status for a in answers) == [201] + [409] * 7


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"teacher": "nobody"}, 422, "teacher"),
        ({"starts_at": "2026-11-22T09:00:00+08:00", "ends_at": "2026-11-22T09:40:00+08:00"},
         422, "starts_at"),
        ({"starts_at": "2026-11-23T09:00:00"}, 422, "starts_at"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, 422, "starts_at"),
        ({"starts_at": 1795000000}, 422, "starts_at"),
        ({"seats": []}, 422, "seats"),
        ({"seats": [{"classroom": "far-1-r1", "room": "x"}]}, 422, "seats.0.room"),
        ({"periods": 0}, 422, "periods"),
        ({"periods": "1"}, 422, "periods"),
        ({"title": "a\u0000b"}, 422, "title"),
        ({"colour": "red"}, 422, "colour"),
    ],
    ids=str,
)  # fmt: skip
async def test_a_lesson_that_cannot_be_is_refused_by_field(
    tmp_path: Path, changes: dict[str, Any], status: int, field: str
) -> None:
    async with site(tmp_path) as served:
        refused = await plan(served, **changes)
        body = await refused.json()
        assert (refused.status, body["field"]) == (status, field)
        assert await served.store.occurrences_on(at("08:00").date(), at("08:00").date()) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("key", [None, "", "x" * 65, "a b"])
async def test_planning_needs_an_idempotency_key(tmp_path: Path, key: str | None) -> None:
    async with site(tmp_path) as served:
        headers = {} if key is None else {"Idempotency-Key": key}
        refused = await served.ask("POST", "/api/lessons", role=ADMIN, json=LESSON, headers=headers)
        assert (refused.status, (await refused.json())["code"]) == (422, "idempotency_key")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "query",
    [
        "",
        "from=2026-11-23",
        "from=2026-11-23&to=2026-11-22",
        "from=2026-01-01&to=2026-12-31",
        "from=2026-11-23&to=2026-11-23&to=2026-11-24",
        "from=2026-11-23&to=2026-11-23&page=2",
        "from=0001-01-01&to=0001-01-01",
        "from=yesterday&to=today",
    ],
)
async def test_a_period_that_is_none_is_refused(tmp_path: Path, query: str) -> None:
    async with site(tmp_path) as served:
        assert (await served.ask("GET", f"/api/lessons?{query}", role=ADMIN)).status == 422


@pytest.mark.asyncio
async def test_coverage_is_what_an_auditor_recomputes(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        await plan(served)
        days = "from=2026-11-23&to=2026-11-23"
        answer = await served.ask("GET", f"/api/coverage?{days}", role=Role.REVIEWER)
        assert answer.status == 200
        expected = await served.services.evidence.coverage(at("08:00").date(), at("08:00").date())
        assert await answer.json() == expected.to_dict()
        assert expected.to_dict()["totals"]["due_periods"] == 2


@pytest.mark.asyncio
async def test_the_roster_is_that_of_the_plan_file(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        body = await (await served.ask("GET", "/api/roster", role=ADMIN)).json()
        assert [s["id"] for s in body["schools"]] == ["far-1", "far-2", "host-1", "host-2"]
        assert body["classes"][0]["enrolment"] == 40
        assert set(body) >= {"teachers", "terms", "days", "bell_sets"}


# ---------------------------------------------------------------------------- terminals


@pytest.mark.asyncio
async def test_a_device_enrols_over_http_and_is_on_the_board(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        made = await served.ask(
            "POST", "/api/terminals/codes", role=ADMIN, json={"classroom": "far-1-r1"}
        )
        code = (await made.json())["code"]
        enrolled = await served.ask(
            "POST", "/api/terminal/enrol", json={"code": code, "label": "Chromium 156 / Windows"}
        )
        device = await enrolled.json()
        assert enrolled.status == 201
        assert device["classroom"] == {"id": "far-1-r1", "name": "1号教室"}
        assert device["school"] == {"id": "far-1", "name": "受援校一", "role": "remote"}
        async with served.connect() as socket:
            await served.hello(socket, device["token"])
            rows = (await (await served.ask("GET", "/api/terminals", role=ADMIN)).json())[
                "terminals"
            ]
            row = next(r for r in rows if r["classroom"]["id"] == "far-1-r1")
            assert row["online"] is True
            assert row["terminal"]["label"] == "Chromium 156 / Windows"
            path = f"/api/terminals/{device['terminal']}"
            assert (await served.ask("DELETE", path, role=ADMIN)).status == 204
            assert (await closed(socket))[0] == 4401
            assert (await served.ask("DELETE", path, role=ADMIN)).status == 404


@pytest.mark.asyncio
async def test_ten_devices_with_one_code_one_wins(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        code, _ = await served.services.enrolment.make_code(
            served.services.roster.current().classrooms["far-1-r1"].id, actor="test"
        )
        answers = await asyncio.gather(
            *(served.ask("POST", "/api/terminal/enrol", json={"code": code}) for _ in range(10))
        )
        assert sorted(a.status for a in answers) == [201] + [403] * 9


@pytest.mark.asyncio
async def test_guessing_codes_is_answered_with_429(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        guess = {"code": "K7M2P9QX"}
        answers = [(await served.ask("POST", "/api/terminal/enrol", json=guess)) for _ in range(11)]
        assert [a.status for a in answers] == [403] * 10 + [429]
        assert answers[-1].headers["Retry-After"] == "30"


# ---------------------------------------------------------------------------- anything at all


@contextmanager
def served_beside(folder: Path) -> Iterator[Site]:
    """A site on a loop of its own thread, for a client that is not asynchronous."""
    started, stop = threading.Event(), threading.Event()
    found: list[Site] = []

    async def serve() -> None:
        async with site(folder) as served:
            found.append(served)
            started.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(20)
        yield found[0]
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served_beside(tmp_path_factory.mktemp("site")) as served:
        yield served


@pytest.fixture
def api(beside: Site) -> Any:
    return schemathesis.openapi.from_url(beside.url + "/api/openapi.json")


schema = schemathesis.pytest.from_fixture("api")


@schema.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_asked_the_api_answers_as_it_says(case: Case, beside: Site) -> None:
    # Signed in as administrator; what would end the session is asked for without it.
    cookies = {"__Host-session": beside.cookies[ADMIN]}
    if (case.method, case.path) in {
        ("DELETE", "/api/session"),
        ("POST", "/api/session/password"),
    }:
        cookies = {}
    case.cookies = {}
    case.call_and_validate(
        cookies=cookies,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
            negative_data_rejection,
            unsupported_method,
        ],
    )
