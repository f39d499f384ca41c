"""OpenAPI 3.1 and docs/http-api.md, both made from the routes themselves.

`python -m sync_classroom.web.openapi > docs/http-api.md` writes the document; a test compares.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from .. import __version__
from .access import ACCESS, Roles
from .api import ROUTES
from .origin import COOKIE_PLAIN, COOKIE_SECURE
from .problems import MEDIA_TYPE, Problem
from .routes import IDEMPOTENCY_HEADER, IDEMPOTENCY_PATTERN, ApiRoute

_REF: Final = "#/components/schemas/{model}"
_PARAMETER: Final = re.compile(r"\{([a-z]+)\}")
_STATUS_WORDS: Final = {
    200: "Done",
    201: "Made",
    204: "Done, nothing to say",
    400: "Malformed request",
    401: "Not signed in",
    403: "Not allowed, or asked by another site's page",
    404: "Not found",
    409: "Conflicts with what is stored",
    413: "Body larger than 64 KiB",
    415: "Body is not application/json",
    422: "A value is not acceptable",
    429: "Too many tries; Retry-After says how long to wait",
    503: "Busy; try again",
}
# What the code of the application says of addresses that are not typed operations.
_OTHERS: Final = (
    ("GET", "/api/events", "api.events", "Server-sent events: `lesson` {lesson}, `plan` {},"
     " `draft` {term}, `receipt` {} (somebody saw a notice), `report` {},"
     " `terminal` {classroom}, `resync` {} (load again)"),
    ("GET", "/api/openapi.json", "api.openapi", "This API as OpenAPI 3.1"),
    ("POST", "/api/timetable/{term}/imports", "api.timetable.imports", "A timetable file itself as"
     " `application/octet-stream`, at most 10 MB, its name in `X-File-Name` (percent-encoded):"
     " `201` {upload, href} of its preview; else a problem with a code `file_…`"),
    ("OPTIONS", "/api/library/uploads", "api.library.uploads.options", "What uploads speak: tus"
     " 1.0.0 with `creation,termination,expiration`, and the largest file"),
    ("POST", "/api/library/uploads", "api.library.uploads.create", "Announce a file (tus):"
     " `Upload-Length`, `Upload-Metadata` with `filename`; `201` with its `Location`"),
    ("HEAD", "/api/library/uploads/{upload}", "api.library.uploads.offset", "How much of it is"
     " here: `Upload-Offset`"),
    ("PATCH", "/api/library/uploads/{upload}", "api.library.uploads.append", "The next piece, as"
     " `application/offset+octet-stream` from `Upload-Offset` on; what arrived of a piece that"
     " broke off stays. Then `POST /api/library`"),
    ("DELETE", "/api/library/uploads/{upload}", "api.library.uploads.cancel", "Forget an upload"),
    ("GET", "/api/terminal/lessons/{lesson}/missed/{name}", "api.terminal.missed.file", "What"
     " plays a recorded file of a lesson that runs, from `from_s` to `to_s` (seconds from the"
     " recording's start); `204`: not written yet"),
    ("GET", "/api/lessons/{lesson}/documents/{document}/pages/{page}", "api.documents.page",
     "A page's picture (WebP, `ETag` and `304`), `?size=thumb`, `small` or `large` (the default):"
     " within 320 × 200, 1280 × 800, 2560 × 1600"),
    ("GET", "/api/terminal/pushes/{push}/{target}/file", "api.terminal.pushes.file", "A push's"
     " file, or the rest of it (`Range`, `If-Range` with its ETag); `?asked=1` at any hour"),
    ("GET", "/api/push-files/{token}/{sha256}", "api.push-files", "The same for a school's"
     " cache, by its secret address, for all its terminals; `?push=` says for which order"),
    ("GET", "/feeds/{token}.ics", "feeds.ics", "A calendar as iCalendar, by its secret address;"
     " `ETag` and `304`"),
    ("GET", "/ws/terminal", "ws.terminal", "A classroom terminal; see terminal-protocol.md"),
    ("GET", "/healthz", "healthz", "200 while the process answers"),
    ("GET", "/readyz", "readyz", "200 while the database answers too, else 503"),
    ("GET", "/metrics", "metrics", "Prometheus; from the server itself, or with the metrics token"),
)  # fmt: skip


def _models(routes: Iterable[ApiRoute]) -> list[type[BaseModel]]:
    found: dict[type[BaseModel], None] = {Problem: None}
    for route in routes:
        for model in (route.body, route.answer):
            if model is not None:
                found[model] = None
    return list(found)


def statuses(route: ApiRoute) -> tuple[int, ...]:
    """Every status this operation can answer with, in order."""
    found = {route.status, 400, 413, 422, *route.problems}
    if route.method != "GET":
        found.add(403)  # the same-origin check
    if route.body is not None:
        found.add(415)
    if ACCESS[route.name] is not None:
        found |= {401, 403}
    return tuple(sorted(found))


def _parameters(route: ApiRoute) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": 96,
                       "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]*$"},
        }
        for name in _PARAMETER.findall(route.path)
    ]  # fmt: skip
    if route.query is not None:
        schema = route.query.model_json_schema()
        required = schema.get("required", [])
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": shape}
            for name, shape in schema["properties"].items()
        ]
    if route.idempotent:
        parameters.append(
            {
                "name": IDEMPOTENCY_HEADER,
                "in": "header",
                "required": True,
                "description": "The same key does the same act once",
                "schema": {"type": "string", "pattern": IDEMPOTENCY_PATTERN},
            }
        )
    return parameters


def _answer(route: ApiRoute, status: int, schemas: dict[Any, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": _STATUS_WORDS[status]}
    if status >= 400:
        answer["content"] = {MEDIA_TYPE: {"schema": schemas[Problem, "serialization"]}}
    elif route.answer is not None:
        schema = schemas[route.answer, "serialization"]
        answer["content"] = {"application/json": {"schema": schema}}
    return answer


def _operation(route: ApiRoute, schemas: dict[Any, Any]) -> dict[str, Any]:
    roles = ACCESS[route.name]
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": f"{(route.handler.__doc__ or '').strip()} For: {who(roles)}.",
        "parameters": _parameters(route),
        "responses": {str(s): _answer(route, s, schemas) for s in statuses(route)},
        "security": _security(roles),
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas[route.body, "validation"]}},
        }
    return operation


def _security(roles: Roles) -> list[dict[str, list[str]]]:
    if roles is None:
        return []
    if "device" in roles:
        return [{"device": []}]
    return [{"session": []}, {"session_plain": []}]


def who(roles: Roles) -> str:
    """The roles of an operation in words."""
    return "anybody" if roles is None else ", ".join(sorted(r.value for r in roles))


@cache
def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    models = _models(ROUTES)
    inputs = {route.body for route in ROUTES if route.body is not None}
    schemas, definitions = models_json_schema(
        [(m, "validation" if m in inputs else "serialization") for m in models],
        ref_template=_REF,
    )
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, dict(schemas))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sync-classroom",
            "version": __version__,
            "description": "Lessons, terminals, evidence and accounts of a coordinator.",
        },
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE_SECURE},
                "session_plain": {"type": "apiKey", "in": "cookie", "name": COOKIE_PLAIN},
                "device": {"type": "http", "scheme": "bearer"},
            },
        },
    }


async def serve_openapi(request: web.Request) -> web.Response:
    """`GET /api/openapi.json`."""
    del request
    return web.json_response(document(), headers={"Cache-Control": "no-cache"})


# ---------------------------------------------------------------------------- docs/http-api.md

_HEAD: Final = """\
# HTTP API

Made from the code by `python -m sync_classroom.web.openapi > docs/http-api.md`; the same as
OpenAPI 3.1 at `/api/openapi.json`.

People sign in with `POST /api/session` and keep a cookie (`__Host-session` over HTTPS and on the
server itself, `session` over plain HTTP); 12 hours after the last request and 7 days after sign-in
it ends. A request that changes something must come from the system's own pages (`Sec-Fetch-Site`,
`Origin`) or from a program that sends neither header. Bodies are `application/json`, at most
64 KiB, without unknown keys. Instants are ISO 8601 with offset. A header `Idempotency-Key` makes a
repeated request do its work once.

A refusal is `application/problem+json`: `{"code", "zh", "en", "field", "value", "clashes"}`.
`code` is stable, `zh` and `en` say what to do, `clashes` lists what is booked twice; of
`draft_changed`, `value` lists who did what meanwhile. `400` malformed, `401` not signed in, `403`
not this role or another site, `404`, `405`, `409` conflict, `413` too large, `415` not JSON, `422`
a value, `429` too many tries and `503` busy (both with `Retry-After`).
"""


def _row(name: str, shape: dict[str, Any], required: bool) -> str:
    return f"| `{name}` | {_type(shape)} | {'yes' if required else 'no'} |"


def _type(shape: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in shape:
        return str(shape["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in shape:
        return " or ".join(_type(s) for s in shape["anyOf"])
    if "enum" in shape:
        return ", ".join(f"`{v}`" for v in shape["enum"])
    kind = str(shape.get("type", "any"))
    if kind == "array":
        return f"list of {_type(shape.get('items', {}))}"
    bounds = [str(shape[k]) for k in ("minimum", "maximum") if k in shape]
    detail = shape.get("format") or ("–".join(bounds) if bounds else "")
    if "maxLength" in shape:
        detail = f"{detail} at most {shape['maxLength']}".strip()
    return f"{kind} ({detail})" if detail else kind


def _table(schema: dict[str, Any]) -> list[str]:
    required = schema.get("required", [])
    rows = [_row(n, s, n in required) for n, s in schema.get("properties", {}).items()]
    return ["| field | type | always |", "|---|---|---|", *rows]


def _section(route: ApiRoute) -> Sequence[str]:
    lines = [
        f"### `{route.method} {route.path}`",
        "",
        f"{(route.handler.__doc__ or '').strip()} For: {who(ACCESS[route.name])}.",
        "",
    ]
    if route.idempotent:
        lines += ["Needs the header `Idempotency-Key`.", ""]
    if route.query is not None:
        names = ", ".join(f"`{n}`" for n in route.query.model_json_schema()["properties"])
        lines += [f"Query: {names}. {(route.query.__doc__ or '').strip()}", ""]
    if route.body is not None:
        lines += [f"Body: [{route.body.__name__}](#{route.body.__name__.lower()}).", ""]
    answer = route.answer.__name__ if route.answer else None
    given = f"`{route.status}`" + (f" [{answer}](#{answer.lower()})" if answer else "")
    others = ", ".join(f"`{s}`" for s in statuses(route) if s != route.status)
    return [*lines, f"Answers {given}; else {others}.", ""]


def markdown() -> str:
    """docs/http-api.md."""
    shapes = document()["components"]["schemas"]
    lines = [_HEAD, "## Operations", ""]
    for route in ROUTES:
        lines += _section(route)
    lines += ["## Other addresses", "", "| address | for | what |", "|---|---|---|"]
    lines += [f"| `{m} {p}` | {who(ACCESS[n])} | {text} |" for m, p, n, text in _OTHERS]
    lines += ["", "## Shapes", ""]
    for name in sorted(shapes):
        text = " ".join(str(shapes[name].get("description", "")).split())
        body = (
            [", ".join(f"`{v}`" for v in shapes[name]["enum"])]
            if "enum" in shapes[name]
            else _table(shapes[name])
        )
        lines += [f"### {name}", "", *([text, ""] if text else []), *body, ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(document()) if "--json" in sys.argv else markdown())
