"""Every operation under whatever a client may send, bounded, against a real server and store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from sync_classroom.domain.accounts import Role
from sync_classroom.web.openapi import document
from tests.support.waiting import PATIENCE_S
from tests.support.web import Site, site

ADMIN = Role.ADMIN


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
        assert started.wait(PATIENCE_S)
        yield found[0]
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served_beside(tmp_path_factory.mktemp("site")) as served:
        yield served


# What is too large is refused as that, whatever else is wrong with it.
REFUSED = ["400", "401", "403", "404", "405", "409", "413", "415", "422", "429"]
schema = schemathesis.openapi.from_dict(
    document(),
    config=SchemathesisConfig.from_dict(
        {"checks": {"negative_data_rejection": {"expected-statuses": REFUSED}}}
    ),
)


@schema.parametrize()
@settings(
    max_examples=15,
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
        base_url=beside.url,
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
