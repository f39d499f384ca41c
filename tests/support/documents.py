"""Documents for lessons, made here: pages of one colour each, so that a pixel says which it is."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import aiohttp
import typst
from PIL import Image

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.documents import Document, ShownPage
from sync_classroom.domain.floor import Floor, show_page
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import LessonRun, LessonState
from tests.support.library import TUS
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.web import Site

PIECES = "application/offset+octet-stream"
RED, GREEN, BLUE = (200, 30, 30), (30, 140, 60), (30, 60, 200)


def pdf(*colours: tuple[int, int, int], size: str = "width: 32cm, height: 18cm") -> bytes:
    """A real PDF with a page for each colour."""
    pages = "\n#pagebreak()\n".join(
        f'#page(fill: rgb("#{r:02x}{g:02x}{b:02x}"))[#text(40pt)[Page {n}]]'
        for n, (r, g, b) in enumerate(colours, 1)
    )
    text = f"#set page({size}, margin: 1cm)\n" + pages.replace("#pagebreak()", "")
    return bytes(typst.compile(text.encode()))


def png(size: tuple[int, int], colour: tuple[int, int, int]) -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def colour_of(picture: bytes | Path) -> tuple[int, int, int]:
    """The colour in the middle of a page's picture."""
    with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture) as image:
        seen = image.convert("RGB").getpixel((image.width // 2, image.height * 3 // 4))
    assert isinstance(seen, tuple)
    return (int(seen[0]), int(seen[1]), int(seen[2]))


def near(seen: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether two colours are the same but for what compression does."""
    return all(abs(a - b) <= 12 for a, b in zip(seen[:3], wanted, strict=True))


async def begun(served: Site) -> None:
    """The lesson `o-1` of the host and one room is live."""
    planned = lesson("o-1", "08:00", "08:40", seats=("far-1-r1",))
    await book(served.store, planned, key="k", gap_s=0)
    at = served.clock()
    run = LessonRun(planned.id, LessonState.LIVE, opened_at=at, live_at=at)
    await served.store.save_run(run)


async def given(
    served: Site,
    data: bytes,
    name: str = "课件.pdf",
    *,
    to: str = "o-1",
    role: Role | None = Role.ADMIN,
    token: str | None = None,
    key: str = "k",
) -> aiohttp.ClientResponse:
    """An upload and the `POST` that gives it, by a person or a classroom; what was refused."""
    ours = {} if token is None else {"Authorization": f"Bearer {token}"}
    who = role if token is None else None
    named = base64.b64encode(name.encode()).decode()
    headers = {**TUS, **ours, "Upload-Length": str(len(data))}
    headers["Upload-Metadata"] = f"filename {named}"
    made = await served.ask("POST", "/api/library/uploads", role=who, headers=headers)
    if made.status != 201:
        return made
    address = made.headers["Location"]
    headers = {**TUS, **ours, "Upload-Offset": "0", "Content-Type": PIECES}
    sent = await served.ask("PATCH", address, role=who, headers=headers, data=io.BytesIO(data))
    assert sent.status == 204, await sent.text()
    return await served.ask(
        "POST", f"/api/lessons/{to}/document-files", role=who,
        headers={**ours, "Idempotency-Key": key}, json={"upload": address.rpartition("/")[2]},
    )  # fmt: skip


async def ready(served: Site, *colours: tuple[int, int, int], to: str = "o-1") -> Document:
    """A converted document of the lesson."""
    answer = await given(served, pdf(*colours), to=to, key=f"k{len(colours)}")
    assert answer.status == 201, await answer.text()
    await served.services.documents.idle()
    found = await served.services.documents.of(OccurrenceId(to))
    return next(d for d in found if d.ready)


async def turned(served: Site, ident: str, *turns: tuple[int | None, str]) -> Document:
    """A document, red and green, given to a lesson of today whose rooms saw these pages of it since
    these times; whatever became of the lesson."""
    store, occurrence = served.store, OccurrenceId(ident)
    run = await store.get_run(occurrence)
    assert run is not None
    live = replace(run, state=LessonState.LIVE, ended_at=None, end_reason=None)
    saved = await store.save_run(live)
    assert saved is not None
    document = await ready(served, RED, GREEN, to=ident)
    floor = await store.get_floor(occurrence) or Floor(occurrence)
    for page, time in turns:
        shown = None if page is None else ShownPage(document.id, page)
        kept = await store.save_floor(show_page(floor, shown), turned_at=at(time))
        assert kept is not None
        floor = kept
    assert await store.save_run(replace(run, version=saved.version)) is not None
    return document
