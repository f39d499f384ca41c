"""Files of a session: the leader adds and takes out, those invited and guests read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import TeacherId
from tests.support.library import PDF, added
from tests.support.pages import look, office, read, send
from tests.support.web import Site, body_of
from tests.web.pages.test_recording import octets
from tests.web.test_api_study import met, post

pytestmark = pytest.mark.asyncio
HOME = "/research/s-1"


async def add(served: Site, resource: str, role: Role = Role.TEACHER) -> int:
    return (await send(served, f"{HOME}/materials", {"resource": resource}, role=role)).status


async def test_the_leader_adds_a_file_and_whoever_is_invited_reads_it(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await met(served)
        ident = await added(served)
        page = await look(served, HOME, role=Role.TEACHER)
        (form,) = [f for f in page.all("form") if "data-upload" in f]
        assert form["data-then"] == f"{HOME}/materials"
        assert ident in [o.get("value") for o in page.all("option")]
        assert await add(served, ident) == 303
        assert await add(served, ident) == 303
        file = f"{HOME}/materials/{ident}"
        page = await look(served, HOME, role=Role.TEACHER)
        assert page.links().count(file) == 1
        assert "练习.pdf" in page.text
        assert file in (await look(served, f"{HOME}/meeting", role=Role.TEACHER)).links()
        # An administrator is invited here as a teacher, and a guest by the pass.
        assert await octets(await served.ask("GET", file, role=Role.ADMIN)) == PDF
        made = await send(served, f"{HOME}/guests", {"guest": "教研员"}, role=Role.TEACHER)
        link = body_of(made).decode().partition("/research/guest/")[2].partition("<")[0]
        assert (await served.ask("GET", file)).status == 401
        came = await send(served, f"/research/guest/{link}", {"name": "顾"}, role=None)
        cookie = {"Cookie": came.headers["Set-Cookie"].partition(";")[0]}
        part = await served.ask("GET", file, headers={**cookie, "Range": "bytes=0-8"})
        assert (part.status, await octets(part)) == (206, PDF[:9])
        log = await served.store.accesses(what="resource.read", limit=9)
        assert {e.actor.partition(":")[0] for e in log} == {"admin", "guest"}
        assert {e.target for e in log} == {f"{ident}/1"}


async def test_others_neither_read_nor_add_and_what_was_taken_out_is_gone(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await met(served)
        ident = await added(served)
        assert await add(served, "r-none") == 409
        page = await read(await send(served, f"{HOME}/materials", {"resource": "r-none"},
                                     role=Role.TEACHER), 409)  # fmt: skip
        assert "resource-error" in page.ids
        await add(served, ident)
        file = f"{HOME}/materials/{ident}"
        for role in (Role.REVIEWER, Role.OPERATOR):
            assert (await served.ask("GET", file, role=role)).status == 403
        assert (
            await served.ask("GET", f"{HOME}/materials/r-none", role=Role.TEACHER)
        ).status == 404
        assert (await send(served, f"{file}/remove", {}, role=Role.REVIEWER)).status == 403
        assert (await send(served, f"{file}/remove", {}, role=Role.TEACHER)).status == 303
        assert (await served.ask("GET", file, role=Role.TEACHER)).status == 404
        # Whoever is invited and does not lead adds nothing.
        user = served.users[Role.TEACHER].id
        await served.services.accounts.update_user(user, teacher=TeacherId("remote-1-t1"))
        assert await add(served, ident) == 403
        assert (await post(served, "here", Role.ADMIN))[0] == 200
