"""What the application and each request carry for whoever answers: one typed key each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from ..domain.accounts import User

if TYPE_CHECKING:
    from ..coordinator.services import Services

# Set by `build_app`: the coordinator's services.
SERVICES: Final[web.AppKey[Services]] = web.AppKey("services")
# Set by the access middleware when a person is signed in; absent otherwise.
USER: Final[web.RequestKey[User]] = web.RequestKey("user", User)
