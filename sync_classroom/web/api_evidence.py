"""API: rules, adjustments, facts of other systems, the facts' chain, and who looked at what."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final

from pydantic import Field

from ..coordinator.coverage import MAX_FACTS, MAX_REASON
from ..domain.facts import parse_fact
from ..domain.ids import OccurrenceId, SeatId
from ..domain.rules import RulesVersion
from .fields import Day, Id, Instant, Line
from .routes import ApiRoute, Call, In, Out, Query

MAX_ENTRIES: Final = 200


class RulesIn(In):
    """What changes, from which day on, and why."""

    changes: dict[str, int | float]
    valid_from: Day
    reason: Annotated[Line, Field(max_length=MAX_REASON)]


class RulesVersionOut(Out):
    """One version of the rules; the first was made by nobody."""

    number: int
    rules: dict[str, Any]
    valid_from: date | None
    at: datetime | None
    by: str
    reason: str


class RulesOut(Out):
    """Every version; `in_force` is the one figures are made under, `building` the next one."""

    in_force: dict[str, Any]
    building: int | None
    versions: list[RulesVersionOut]


class AdjustmentIn(In):
    """What a person vouches for: the seat received its lesson from … to."""

    seat: Id
    credit_from: Instant
    credit_to: Instant
    reason: Annotated[Line, Field(max_length=MAX_REASON)]


class AdjustmentOut(Out):
    """The fact that was appended."""

    id: str


class FactsIn(In):
    """Facts in the layout of `facts.ndjson`; media of lessons and adjustments are refused."""

    facts: Annotated[list[dict[str, Any]], Field(max_length=MAX_FACTS)]


class FactsOut(Out):
    """How many were new; a repeated id is passed over."""

    new: int


class ChainDays(Query):
    """Days of arrival (UTC), by default all."""

    first: Day | None = Field(default=None, alias="from")
    last: Day | None = Field(default=None, alias="to")


class LinkOut(Out):
    """The facts that arrived on one day: the chain's head before and after them."""

    day: date
    count: int
    begins: str
    head: str


class ChainOut(Out):
    """The chain's days in order."""

    days: list[LinkOut]


class Accesses(Query):
    """Which entries: of one person, of one kind, before a number."""

    actor: Id | None = None
    what: Annotated[str, Field(max_length=80)] | None = None
    before: Annotated[int, Field(ge=1, lt=2**63)] | None = None


class AccessOut(Out):
    """Somebody looked at or took away something."""

    seq: int
    at: datetime
    actor: str
    what: str
    target: str


class AccessesOut(Out):
    """Entries, newest first."""

    entries: list[AccessOut]


def _version(version: RulesVersion) -> RulesVersionOut:
    return RulesVersionOut(
        number=version.number,
        rules=version.rules.to_dict(),
        valid_from=version.valid_from,
        at=version.at,
        by=version.by,
        reason=version.reason,
    )


async def read_rules(call: Call[None, None]) -> RulesOut:
    """The rules in force, and every version with who, when and why."""
    service = call.services.coverage
    return RulesOut(
        in_force=(await service.rules()).to_dict(),
        building=await service.building(),
        versions=[_version(v) for v in await service.rules_versions()],
    )


async def set_rules(call: Call[RulesIn, None]) -> RulesVersionOut:
    """Make a new version of the rules; what is published stays as it is."""
    body = call.body
    return _version(
        await call.services.coverage.set_rules(
            body.changes,
            reason=body.reason,
            valid_from=body.valid_from,
            actor=call.user.login,
            key=call.key,
        )
    )


async def adjust(call: Call[AdjustmentIn, None]) -> AdjustmentOut:
    """Vouch that a seat received its lesson; counted, and counted separately."""
    body = call.body
    fact = await call.services.coverage.adjust(
        OccurrenceId(call.path("lesson")),
        SeatId(body.seat),
        body.credit_from,
        body.credit_to,
        reason=body.reason,
        actor=call.user.login,
        key=call.key,
    )
    return AdjustmentOut(id=fact.id)


async def post_facts(call: Call[FactsIn, None]) -> FactsOut:
    """Append facts that another system knows of, all or none of them well formed."""
    facts = [parse_fact(values) for values in call.body.facts]
    return FactsOut(new=await call.services.coverage.post_facts(facts, call.user.login))


async def read_chain(call: Call[None, ChainDays]) -> ChainOut:
    """The heads of the facts' chain, to compare with those printed in reports."""
    links = await call.services.coverage.chain(call.query.first, call.query.last)
    return ChainOut(
        days=[LinkOut(day=x.day, count=x.count, begins=x.begins, head=x.head) for x in links]
    )


async def read_accesses(call: Call[None, Accesses]) -> AccessesOut:
    """Who looked at or took away what, newest first."""
    query = call.query
    found = await call.services.coverage.accesses(
        actor=query.actor, what=query.what, before=query.before, limit=MAX_ENTRIES
    )
    return AccessesOut(
        entries=[
            AccessOut(seq=e.seq, at=e.at, actor=e.actor, what=e.what, target=e.target)
            for e in found
        ]
    )


ROUTES: Final = (
    ApiRoute(
        "api.rules", "GET", "/api/rules", read_rules, "The rules in force, and every version",
        answer=RulesOut,
    ),
    ApiRoute(
        "api.rules.set", "POST", "/api/rules", set_rules, "Change the rules from a day on",
        body=RulesIn, answer=RulesVersionOut, status=201, idempotent=True,
    ),
    ApiRoute(
        "api.lessons.adjust", "POST", "/api/lessons/{lesson}/adjustments", adjust,
        "Vouch for a seat's time", body=AdjustmentIn, answer=AdjustmentOut, status=201,
        problems=(404,), idempotent=True,
    ),
    ApiRoute(
        "api.facts", "POST", "/api/facts", post_facts, "Append facts of other systems",
        body=FactsIn, answer=FactsOut, problems=(403,),
    ),
    ApiRoute(
        "api.facts.chain", "GET", "/api/facts/chain", read_chain, "The facts' chain",
        query=ChainDays, answer=ChainOut,
    ),
    ApiRoute(
        "api.accesses", "GET", "/api/accesses", read_accesses, "Who looked at what",
        query=Accesses, answer=AccessesOut,
    ),
)  # fmt: skip
