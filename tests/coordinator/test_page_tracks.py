"""The pages beside a recording, and their pictures for a file that goes away."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.ids import OccurrenceId
from tests.support.documents import GREEN, RED, colour_of, near, turned
from tests.support.pages import office
from tests.support.plans import at

pytestmark = pytest.mark.asyncio
ENGLISH = OccurrenceId("english")


async def test_pages_are_told_on_a_recordings_time_with_their_pictures(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        document = await turned(served, ENGLISH, (1, "08:09"), (2, "08:11"), (1, "08:12"))
        tracks = served.services.library.tracks
        found = await tracks.of(ENGLISH, at("08:10"), from_s=0, to_s=300)
        assert [(p.page, p.from_s, p.to_s) for p in found] == [
            (1, 0, 60), (2, 60, 120), (1, 120, 300),
        ]  # fmt: skip
        packed, octets = await tracks.to_pack(ENGLISH, at("08:10"), from_s=0, to_s=300)
        pictures = [Path(page.picture) for page in packed]
        for path, colour in zip(pictures, (RED, GREEN, RED), strict=True):
            assert near(colour_of(path), colour)
        assert octets == sum(path.stat().st_size for path in set(pictures))
        assert (packed[1].name, packed[1].page, packed[1].pages) == ("课件.pdf", 2, 2)

        # Another node has the document, and not its pictures.
        pictures[1].unlink()
        left, fewer = await tracks.to_pack(ENGLISH, at("08:10"), from_s=0, to_s=300)
        assert [page.page for page in left] == [1, 1]
        assert fewer == pictures[0].stat().st_size
        await served.services.documents.remove(ENGLISH, document.id, by="li")
        assert await tracks.of(ENGLISH, at("08:10"), from_s=0, to_s=300) == ()


async def test_a_lesson_without_documents_has_none(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        tracks = served.services.library.tracks
        assert await tracks.to_pack(ENGLISH, at("08:10"), from_s=0, to_s=9) == ([], 0)
