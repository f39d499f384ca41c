"""The API's description says what the API does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sync_classroom.web import openapi
from sync_classroom.web.access import ACCESS
from sync_classroom.web.api import ROUTES
from tests.support.web import site

ROOT = Path(__file__).parents[2]


def test_the_document_in_docs_is_the_one_the_code_makes() -> None:
    written = (ROOT / "docs" / "http-api.md").read_text("utf-8")
    assert written == openapi.markdown(), (
        "run: python -m sync_classroom.web.openapi > docs/http-api.md"
    )


def test_every_address_that_is_no_page_is_documented() -> None:
    text = openapi.markdown()
    for route in ROUTES:
        assert f"### `{route.method} {route.path}`" in text
    spoken_of = {route.name for route in ROUTES} | {name for _, _, name, _ in openapi._OTHERS}
    assert set(ACCESS) - spoken_of == {"static", "terminal.worker"}


def test_every_reference_of_the_document_leads_somewhere() -> None:
    document = openapi.document()
    names = set(re.findall(r"#/components/schemas/([A-Za-z]+)", str(document)))
    assert names
    assert names <= set(document["components"]["schemas"])


def test_operations_are_named_once_and_say_who_may() -> None:
    document = openapi.document()
    operations = [op for path in document["paths"].values() for op in path.values()]
    assert len({op["operationId"] for op in operations}) == len(operations) == len(ROUTES)
    for op in operations:
        roles = openapi.who(ACCESS[op["operationId"]])
        assert op["description"].endswith(f"For: {roles}.")
        assert (op["security"] == []) is (roles == "anybody")


def test_what_needs_a_body_refuses_others_by_name() -> None:
    for route in ROUTES:
        statuses = openapi.statuses(route)
        assert (415 in statuses) is (route.body is not None)
        assert (401 in statuses) is (ACCESS[route.name] is not None or 401 in route.problems)


@pytest.mark.asyncio
async def test_it_is_served(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        answer = await served.ask("GET", "/api/openapi.json")
        assert await answer.json() == openapi.document()
