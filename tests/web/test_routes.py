"""The typed layer: bodies, queries, keys and answers of operations made for the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sync_classroom.domain.problems import ProblemError
from sync_classroom.web.keys import SERVICES
from sync_classroom.web.problems import by_status, problem_response
from sync_classroom.web.routes import ApiRoute, Call, In, Out, Query, mount

pytestmark = pytest.mark.asyncio


class Thing(In):
    name: str
    size: int = 1


class Filter(Query):
    size: int = 0


class Echo(Out):
    text: str


async def echo(call: Call[Thing, None]) -> Echo:
    """Say it again."""
    return Echo(text=f"{call.body.name} {call.body.size} {call.key}".strip())


async def find(call: Call[None, Filter]) -> Echo:
    """Look."""
    return Echo(text=f"{call.path('name')} {call.query.size}")


async def forget(call: Call[None, None]) -> None:
    """Say nothing."""
    del call


ROUTES = (
    ApiRoute("a", "POST", "/things", echo, "", body=Thing, answer=Echo, status=201),
    ApiRoute("b", "GET", "/things/{name}", find, "", query=Filter, answer=Echo),
    ApiRoute("c", "DELETE", "/things/{name}", forget, "", status=204),
    ApiRoute("d", "PUT", "/things", echo, "", body=Thing, answer=Echo, idempotent=True),
)


@web.middleware
async def explained(request: web.Request, handler: object) -> web.StreamResponse:
    try:
        return await handler(request)  # type: ignore[operator, no-any-return]
    except ProblemError as error:
        return problem_response(error)
    except web.HTTPException as error:
        return problem_response(by_status(error.status), error.status)


@asynccontextmanager
async def client() -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application(middlewares=[explained], client_max_size=1024)
    app[SERVICES] = None  # type: ignore[misc]  # these operations ask no service
    for route in ROUTES:
        mount(app, route)
    async with TestClient(TestServer(app)) as opened:
        yield opened


async def said(response: aiohttp.ClientResponse) -> tuple[int, str, str | None]:
    body = await response.json(content_type=None)
    return response.status, body.get("text") or body["code"], body.get("field")


async def test_a_model_in_a_model_out() -> None:
    async with client() as c:
        made = await c.post("/things", json={"name": "课", "size": 3})
        assert await said(made) == (201, "课 3", None)
        assert made.headers["Cache-Control"] == "no-store"
        assert await said(await c.get("/things/x?size=7")) == (200, "x 7", None)
        gone = await c.delete("/things/x")
        assert (gone.status, await gone.read()) == (204, b"")


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"name": "x", "colour": "red"}, (422, "invalid_input", "colour")),
        ({"name": 5}, (422, "invalid_input", "name")),
        ({"name": "x", "size": "3"}, (422, "invalid_input", "size")),
        ({}, (422, "invalid_input", "name")),
        ([], (422, "invalid_input", None)),
    ],
    ids=str,
)
async def test_a_body_that_does_not_fit_is_refused_by_field(
    body: object, outcome: tuple[int, str, str | None]
) -> None:
    async with client() as c:
        assert await said(await c.post("/things", json=body)) == outcome


async def test_a_body_must_be_json_and_say_so_and_be_small() -> None:
    async with client() as c:
        json_type = {"Content-Type": "application/json"}
        assert (await c.post("/things", data="name=x")).status == 415
        assert (await c.post("/things")).status == 415
        broken = await c.post("/things", data="{", headers=json_type)
        assert await said(broken) == (422, "malformed", None)
        big = await c.post("/things", data='{"name": "' + "x" * 2000 + '"}', headers=json_type)
        assert big.status == 413


@pytest.mark.parametrize("query", ["size=x", "size=1&size=2", "colour=red", "size="])
async def test_a_query_that_does_not_fit_is_refused(query: str) -> None:
    async with client() as c:
        assert (await c.get(f"/things/x?{query}")).status == 422


async def test_an_operation_without_query_refuses_one() -> None:
    async with client() as c:
        assert await said(await c.delete("/things/x?force=1")) == (422, "invalid_input", "force")


async def test_an_idempotency_key_is_demanded_and_handed_on() -> None:
    async with client() as c:
        assert (await c.put("/things", json={"name": "x"})).status == 422
        kept = await c.put("/things", json={"name": "x"}, headers={"Idempotency-Key": "k:1"})
        assert await said(kept) == (200, "x 1 anybody:k:1", None)
