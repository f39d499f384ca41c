"""The facts' chain grows with every append, in order of arrival."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from sync_classroom.domain.chain import FIRST_HEAD, chained
from sync_classroom.domain.facts import Fact
from sync_classroom.store.database import Database
from tests.store.test_facts import ABOUT_ONE, ELSEWHERE, NOW

pytestmark = pytest.mark.asyncio


async def stored(store: Database) -> list[Fact]:
    return [fact async for some in store.arrived(1, 1000) for fact in some]


async def test_the_chain_is_over_the_facts_in_order_of_arrival(store: Database) -> None:
    assert await store.chain() == []
    await store.append_facts(ABOUT_ONE, received_at=NOW)
    await store.append_facts([*ABOUT_ONE, *ELSEWHERE, *ELSEWHERE], received_at=NOW)
    facts = await stored(store)
    assert {f.id for f in facts} == {f.id for f in (*ABOUT_ONE, *ELSEWHERE)}
    [link] = await store.chain()
    assert (link.day, link.count, link.begins) == (NOW.date(), len(facts), FIRST_HEAD)
    assert link.head == chained(FIRST_HEAD, facts)


async def test_a_day_goes_on_where_the_one_before_ended(store: Database) -> None:
    await store.append_facts(ABOUT_ONE, received_at=NOW)
    tomorrow = NOW + timedelta(days=1)
    await store.append_facts(ELSEWHERE[:2], received_at=tomorrow)
    # A clock that is put back does not reopen yesterday.
    await store.append_facts(ELSEWHERE[2:], received_at=NOW)
    one, two = await store.chain()
    assert (one.count, two.count) == (len(ABOUT_ONE), len(ELSEWHERE))
    assert two.begins == one.head
    assert two.head == chained(FIRST_HEAD, await stored(store))
    assert await store.chain(two.day) == [two]
    assert await store.chain(None, one.day) == [one]


async def test_two_who_append_at_once_make_one_chain(store: Database) -> None:
    await asyncio.gather(
        *(store.append_facts([fact], received_at=NOW) for fact in (*ABOUT_ONE, *ELSEWHERE))
    )
    [link] = await store.chain()
    assert link.head == chained(FIRST_HEAD, await stored(store))
    assert link.count == len(ABOUT_ONE) + len(ELSEWHERE)
