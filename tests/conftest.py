"""Fixtures every test folder may use: real database and message servers."""

import gc

import pytest
import structlog
from hypothesis import HealthCheck, settings
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from tests.support.databases import (
    COMPILED,
    database_url,
    new_database_url,
    postgres,
    valkey,
    valkey_server,
)

__all__ = ["database_url", "new_database_url", "postgres", "valkey", "valkey_server"]

# Property tests judge results, not the speed of the machine they run on.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# Collected tests and imported modules stay till the end. Python's default is to look through all of
# them again and again for garbage, which took a sixth of the run.
gc.set_threshold(20_000, 10, 10)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What is there by now stays: every later look for garbage passes it by."""
    gc.freeze()


@pytest.fixture(autouse=True)
def own_log() -> None:
    """A test finds the log as it is at first, whatever a command ran before has set."""
    structlog.reset_defaults()


@event.listens_for(Engine, "engine_connect")
def _share_compiled(connection: Connection) -> None:
    connection.execution_options(compiled_cache=COMPILED)
