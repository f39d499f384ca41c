"""Pages as a browser gets them: a served programme with known facts, and HTML read strictly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aiohttp

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.facts import Fact, HostMedia, SeatMedia
from sync_classroom.domain.ids import FactId, OccurrenceId, SeatId
from sync_classroom.domain.lesson import EndReason, LessonRun, LessonState
from sync_classroom.domain.timetable import Occurrence
from sync_classroom.store.database import Database
from tests.support.coordination import TurnedClock
from tests.support.databases import file_store, filled_store
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.rosters import programme
from tests.support.web import Site, site

VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "path", "rect", "circle", "line"})
CONTROLS = frozenset({"input", "select", "textarea"})
UNLABELLED = frozenset({"hidden", "submit"})


@dataclass
class Page(HTMLParser):
    """A page read strictly: `faults` lists what is not well-formed or not accessible."""

    html: str = ""
    faults: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []
        self._labels_for: set[str] = set()
        self._controls: list[tuple[str, dict[str, str | None], bool]] = []
        self.feed(self.html)
        self.close()
        self.text = " ".join(self.text.split())
        if self._open:
            self.faults.append(f"never closed: {self._open}")
        self.faults += [f"id twice: {i}" for i in sorted(set(self.ids)) if self.ids.count(i) > 1]
        for tag, attributes, inside_label in self._controls:
            named = attributes.get("aria-label") or attributes.get("id") in self._labels_for
            if not (named or inside_label or attributes.get("type") in UNLABELLED):
                self.faults.append(f"no label: <{tag} {attributes}>")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if len(attributes) != len(attrs):
            self.faults.append(f"attribute twice: <{tag} {attrs}>")
        for name, value in attrs:
            if name == "style" or name.startswith("on"):
                self.faults.append(f"the policy forbids {name}={value!r} on <{tag}>")
        if tag == "script" and not (attributes.get("src") or "json" in str(attributes.get("type"))):
            self.faults.append("inline script")
        if (ident := attributes.get("id")) is not None:
            self.ids.append(ident)
        if tag == "label" and (target := attributes.get("for")):
            self._labels_for.add(target)
        if tag in CONTROLS:
            self._controls.append((tag, attributes, "label" in self._open))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> closes something else")

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._open):
            self.text += f" {data}"

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        """Attributes of every `tag` that has these attributes (`_` in a name is `-`)."""
        return [
            attributes
            for name, attributes in self.tags
            if name == tag
            and all(attributes.get(k.replace("_", "-")) == v for k, v in wanted.items())
        ]

    def links(self) -> list[str]:
        """Where every link goes."""
        return [str(a["href"]) for a in self.all("a") if "href" in a]


async def look(
    served: Site, path: str, *, role: Role | None = Role.ADMIN, status: int = 200
) -> Page:
    """GET a page, which must be well-formed HTML."""
    return await read(await served.ask("GET", path, role=role), status)


async def look_in_english(served: Site, path: str) -> Page:
    """GET a page as an administrator who reads English; of whom it is then for good."""
    await send(served, "/language", {"language": "en", "back": "/"})
    page = await look(served, path)
    assert page.all("html")[0]["lang"] == "en"
    return page


async def send(
    served: Site, path: str, fields: object, *, role: Role | None = Role.ADMIN
) -> aiohttp.ClientResponse:
    """POST a form."""
    return await served.ask("POST", path, role=role, data=fields)


async def read(response: aiohttp.ClientResponse, status: int = 200) -> Page:
    """The page of an answer, which must have this status and be well-formed."""
    html = await response.text()
    assert response.status == status, html
    page = Page(html)
    assert not page.faults, page.faults
    return page


def delivered(
    occurrence: Occurrence, spans: dict[str, list[tuple[int, int]]], host: list[tuple[int, int]]
) -> list[Fact]:
    """Facts in ten-second samples; spans are seconds from the planned start, by seat id."""
    facts: list[Fact] = []
    for first, last in host:
        for n, second in enumerate(range(first, last, 10)):
            start = occurrence.starts_at + timedelta(seconds=second)
            stop = occurrence.starts_at + timedelta(seconds=min(second + 10, last))
            ident = FactId(f"{occurrence.id}-h{first}-{n}")
            facts.append(HostMedia(ident, occurrence.id, start, stop, 500, 500_000))
    for seat, parts in spans.items():
        for first, last in parts:
            for n, second in enumerate(range(first, last, 10)):
                start = occurrence.starts_at + timedelta(seconds=second)
                stop = occurrence.starts_at + timedelta(seconds=min(second + 10, last))
                ident = FactId(f"{seat}-{first}-{n}")
                facts.append(
                    SeatMedia(ident, occurrence.id, SeatId(seat), start, stop, 500, 500, 500_000)
                )
    return facts


def english() -> Occurrence:
    """08:10–08:50, three seats: held (2400 s), partial (600 s) and missed, if `taught`."""
    return lesson(
        "english",
        "08:10",
        "08:50",
        seats=[("remote-1-r1", "remote-1-c1"), "remote-1-r2", "remote-2-r1"],
    )


async def teach(served: Site, occurrence: Occurrence) -> None:
    """Store the facts that `english` promises, and that it ended at 08:51."""
    spans = {f"{occurrence.id}-s0": [(0, 2400)], f"{occurrence.id}-s1": [(0, 600)]}
    await served.store.append_facts(
        delivered(occurrence, spans, [(-60, 2460)]), received_at=occurrence.ends_at
    )
    await served.store.save_run(
        LessonRun(
            occurrence.id,
            LessonState.ENDED,
            opened_at=occurrence.starts_at - timedelta(minutes=10),
            live_at=occurrence.starts_at - timedelta(seconds=60),
            ended_at=occurrence.ends_at + timedelta(seconds=60),
            end_reason=EndReason.BUTTON,
        )
    )


@asynccontextmanager
async def office(
    folder: Path, *, clock: str = "10:00", empty: bool = False, **changes: Any
) -> AsyncIterator[Site]:
    """A served programme; unless `empty`, `english` was taught and `maths` (14:00) is planned.

    `changes` are of the service settings.
    """
    moment = TurnedClock(at(clock))

    async def fill(store: Database, place: Path) -> None:
        await store.apply_roster(programme())
        async with site(place, store=store, clock=moment, people=False) as served:
            await _lessons(served)

    if empty:
        store = await file_store(folder, "pages.db")
    else:
        store = await filled_store(folder / "pages.db", ("office", clock), fill)
    try:
        async with site(folder, store=store, clock=moment, **changes) as served:
            yield served
    finally:
        await store.close()


async def _lessons(served: Site) -> None:
    """What an `office` that is not empty has: one lesson taught and counted, one to come."""
    first = english()
    await book(served.store, first, key="english", gap_s=0)
    await teach(served, first)
    later = lesson(
        "maths",
        "14:00",
        "14:40",
        room="host-2-r1",
        school="host-2",
        teacher="host-2-t1",
        seats=["remote-1-r1", "remote-3-r1"],
        subject="数学",
    )
    await book(served.store, later, key="maths", gap_s=0)
    await served.services.coverage.settle()


async def run_of(served: Site, occurrence: str) -> LessonRun | None:
    """The stored run."""
    return await served.store.get_run(OccurrenceId(occurrence))
