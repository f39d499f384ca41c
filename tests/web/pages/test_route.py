"""Every page has a name of its own and roles that a person can have."""

from __future__ import annotations

from sync_classroom.domain.accounts import Role
from sync_classroom.web.pages import page_routes


def test_names_and_addresses_are_unique_and_no_page_is_for_devices() -> None:
    routes = page_routes()
    assert len({r.name for r in routes}) == len(routes)
    assert len({(r.method, r.path) for r in routes}) == len(routes)
    for route in routes:
        assert route.roles is None or Role.DEVICE not in route.roles


def test_what_changes_something_is_posted_and_only_the_door_is_open() -> None:
    open_posts = {r.path for r in page_routes() if r.roles is None and r.method == "POST"}
    # A guest's link is the guest's own door, and opens once.
    door = {"/sign-in", "/sign-out", "/setup", "/language", "/research/guest/{token}"}
    assert open_posts == door
    assert {r.method for r in page_routes()} == {"GET", "POST"}
