"""What the calendar's forms have in common: ids from the beginning, dates, complaints."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.ids import ID_PATTERN
from sync_classroom.web.pages.calendar_saving import blank, ident
from sync_classroom.web.pages.forms import Form
from tests.support.pages import look, office, send

pytestmark = pytest.mark.asyncio


async def test_a_blank_form_has_an_id_and_a_key_of_its_own() -> None:
    first, second = blank("term", name="x"), blank("term")
    assert first.get("name") == "x"
    assert ID_PATTERN.fullmatch(first.get("id"))
    assert first.get("id") != second.get("id")
    assert first.get("key") != second.get("key")


async def test_an_id_that_is_none_is_replaced() -> None:
    assert ident(Form.filled(id="term-1"), "term") == "term-1"
    for rubbish in ("", "../x", "a b", "x" * 97):
        assert ident(Form.filled(id=rubbish), "term").startswith("term-")


async def test_a_problem_of_no_field_of_the_form_is_in_the_messages_place(tmp_path: Path) -> None:
    """An id of another school's bell set is nothing that was typed."""
    async with office(tmp_path) as served:
        fields = {
            "id": "remote-2-bells", "name": "x", "no-0": "1", "start-0": "08:00", "end-0": "08:40",
            "reason": "x", "key": "k",
        }  # fmt: skip
        answer = await send(served, "/calendar/bells/new?school=remote-1", fields)
        assert answer.status == 409
        assert "属于另一所学校" in await answer.text()
        page = await look(served, "/calendar?show=bells&school=remote-2")
        assert "remote-2-bells" in page.text
