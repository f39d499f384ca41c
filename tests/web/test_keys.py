"""The keys are what the middleware and the pages share."""

from __future__ import annotations

from sync_classroom.domain.accounts import User
from sync_classroom.web.keys import SERVICES, USER


def test_the_keys_are_distinct_and_name_what_they_hold() -> None:
    assert "services" in str(SERVICES)
    assert "user" in str(USER)
    assert User.__name__ in str(USER) or "user" in repr(USER)
