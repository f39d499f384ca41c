"""A report's file as a download, for pages and API alike."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from aiohttp import web

from .keys import SERVICES, USER

_TYPES: Final = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}


async def report_file(request: web.Request, report: str, name: str) -> web.StreamResponse:
    """The file with its type and a name that says what it is of; ProblemError if there is none."""
    services = request.app[SERVICES]
    path = await services.reports.file(report, name)
    found = await services.reports.report(report)
    user = request[USER]
    await services.coverage.log_access(user.login, "report.fetch", f"{report}/{name}")
    shown = f"{found.kind.value}-{found.first}-{found.last}-{found.language}-{name}"
    response = web.FileResponse(path)
    response.content_type = _TYPES[name.rpartition(".")[2]]
    response.headers["Content-Disposition"] = f'attachment; filename="{quote(shown)}"'
    response.headers["Cache-Control"] = "private, no-cache"
    return response
