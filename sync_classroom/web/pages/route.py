"""What a page tells the router about itself; `web/access.py` and its test read the roles here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from ...domain.accounts import Role

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ADMIN: Final = frozenset({Role.ADMIN})
OFFICE: Final = frozenset({Role.ADMIN, Role.OPERATOR})
PLANNERS: Final = frozenset({Role.ADMIN, Role.TEACHER})
SCHOOL: Final = frozenset({Role.ADMIN, Role.OPERATOR, Role.TEACHER})
BUREAU: Final = frozenset({Role.ADMIN, Role.REVIEWER})
SIGNED_IN: Final = frozenset({Role.ADMIN, Role.TEACHER, Role.REVIEWER, Role.OPERATOR})
# Who brings in and pushes resources, and who sees them.
AUTHORS: Final = frozenset({Role.ADMIN, Role.TEACHER})
LIBRARY: Final = AUTHORS | {Role.REVIEWER}
# None instead of a set of roles: anybody, signed in or not.
ANYBODY: Final = None


@dataclass(frozen=True, slots=True)
class PageRoute:
    """One page address. `roles` None means anybody; a device is never a person's role.

    `whole`: the page that script fetches this into, if it is not a page; with the place in it.
    """

    name: str
    method: str
    path: str
    handler: Handler
    roles: frozenset[Role] | None
    whole: str = ""
