"""The typed layer of the API: pydantic in, handler, pydantic out. `openapi.py` reads the same rows.

A handler gets a `Call` with validated body and query, and returns its answer model, None (204), or
a ready response when it has to set a cookie.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from ..coordinator.services import Services
from ..domain.accounts import User
from ..domain.problems import ProblemError
from .keys import SERVICES, USER
from .problems import from_validation

IDEMPOTENCY_HEADER: Final = "Idempotency-Key"
IDEMPOTENCY_PATTERN: Final = r"^[A-Za-z0-9._:-]{1,64}$"
_IDEMPOTENCY: Final = re.compile(IDEMPOTENCY_PATTERN)


class In(BaseModel):
    """A request body: unknown keys are refused, JSON types are not coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Query(BaseModel):
    """A query string: unknown names are refused, text is read as the field's type."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(BaseModel):
    """An answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


B = TypeVar("B", bound=In | None)
Q = TypeVar("Q", bound=Query | None)


@dataclass(frozen=True, slots=True)
class Call(Generic[B, Q]):
    """One validated request."""

    request: web.Request
    services: Services
    body: B
    query: Q
    key: str

    @property
    def user(self) -> User:
        """Who asks; only where the access table says somebody is signed in."""
        return self.request[USER]

    def path(self, name: str) -> str:
        """A part of the address."""
        return self.request.match_info[name]


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """One operation. `answer` None is 204; `problems` are statuses beside those of every route."""

    name: str
    method: str
    path: str
    handler: Callable[[Call[Any, Any]], Awaitable[Out | web.StreamResponse | None]]
    summary: str
    body: type[In] | None = None
    query: type[Query] | None = None
    answer: type[Out] | None = None
    status: int = 200
    problems: tuple[int, ...] = ()
    idempotent: bool = False
    media_type: str = "application/json"


def json_answer(answer: Out, status: int = 200) -> web.Response:
    """A model as a response nobody keeps a copy of."""
    response = web.Response(
        status=status,
        body=answer.model_dump_json(by_alias=True).encode(),
        content_type="application/json",
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def mount(app: web.Application, route: ApiRoute) -> None:
    """Register an operation."""

    async def handle(request: web.Request) -> web.StreamResponse:
        call: Call[Any, Any] = Call(
            request,
            request.app[SERVICES],
            await _body(request, route.body) if route.body else None,
            _query(request, route.query),
            idempotency_key(request) if route.idempotent else "",
        )
        answer = await route.handler(call)
        if isinstance(answer, web.StreamResponse):
            return answer
        if answer is None:
            return web.Response(status=204, headers={"Cache-Control": "no-store"})
        return json_answer(answer, route.status)

    app.router.add_route(route.method, route.path, handle, name=route.name)


async def _body(request: web.Request, model: type[In]) -> In:
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    # Bounded by the application's client_max_size: beyond it aiohttp raises 413.
    raw = await request.read()
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise from_validation(error) from None


def _query(request: web.Request, model: type[Query] | None) -> Query | None:
    # A name given twice is refused rather than guessed about.
    names = [name for name, _ in request.query.items()]
    twice = next((n for n in names if len(request.query.getall(n)) > 1), None)
    if twice is not None or (model is None and names):
        field = twice or names[0]
        raise ProblemError(
            "invalid_input",
            f"查询参数 {field[:40]} 不能使用或重复出现，请去掉。",
            f"The query parameter {field[:40]} is unknown or given twice; remove it.",
            field=field[:40],
            value=request.query[field],
        )
    if model is None:
        return None
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise from_validation(error) from None


def idempotency_key(request: web.Request) -> str:
    """The client's idempotency key, made the user's own so that nobody meets another's."""
    key = request.headers.get(IDEMPOTENCY_HEADER, "")
    if not _IDEMPOTENCY.fullmatch(key):
        raise ProblemError(
            "idempotency_key",
            "请求头 Idempotency-Key 必须是 1 到 64 个字母、数字或 . _ : -；"
            "每次新的操作用一个新值。",
            "The header Idempotency-Key must be 1 to 64 letters, digits, '.', '_', ':' or '-'; use"
            " a new one for each new act.",
            field=IDEMPOTENCY_HEADER,
            value=key or None,
        )
    user = request.get(USER)
    return f"{user.id if user else 'anybody'}:{key}"
