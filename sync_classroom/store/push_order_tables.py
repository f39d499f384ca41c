"""The tables of push orders, beside what was sent of them (`plan_tables.pushes`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    Select,
    Table,
    Text,
    UniqueConstraint,
    and_,
    or_,
    select,
)

from ..domain.ids import ResourceId
from .columns import Instant, document, ordered_text, row_number
from .tables import metadata

# `id` becomes that of the push when it is sent; `rule` is as `domain.targeting` writes it,
# `targets` [[id, school, classroom, class, teacher], …] as its giver saw them.
push_orders = Table(
    "push_orders",
    metadata,
    Column("id", ordered_text(), primary_key=True),
    Column("key", ordered_text(), nullable=False),
    Column("resource", ordered_text(), ForeignKey("resources.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("rule", document(), nullable=False),
    Column("targets", document(), nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("automatic", Boolean, nullable=False),
    Column("at", Instant, nullable=False),
    Column("send_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("sent_at", Instant),
    Column("cancelled_at", Instant),
    Column("cancelled_by", Text),
    Column("cancel_reason", Text),
    UniqueConstraint("key"),
    Index(None, "at"),
    Index(None, "resource"),
)

# What the terminal of a target said last; progress itself is facts.
push_copies = Table(
    "push_copies",
    metadata,
    Column("push", ordered_text(), ForeignKey("pushes.id"), primary_key=True),
    Column("target", ordered_text(), primary_key=True),
    Column("state", ordered_text(), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("failure", ordered_text()),
    Column("watched_s", Integer, nullable=False),
    Column("at", Instant, nullable=False),
)

# Who switched automatic pushes on or off, ever; without a row they are on.
push_switches = Table(
    "push_switches",
    metadata,
    Column("number", row_number(), primary_key=True),
    Column("on", Boolean, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

push_reminders = Table(
    "push_reminders",
    metadata,
    Column("push", ordered_text(), ForeignKey("push_orders.id"), primary_key=True),
    Column("at", Instant, primary_key=True),
    Column("by", Text, nullable=False),
)

# Targets of sent orders that need not have them any more.
push_withdrawals = Table(
    "push_withdrawals",
    metadata,
    Column("push", ordered_text(), ForeignKey("push_orders.id"), primary_key=True),
    Column("target", ordered_text(), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

# A school's line. `token` is the secret of the address its cache fetches by, NULL: none yet; until
# `free_at` of the database's clock the line's time is granted to some coordinator.
push_lines = Table(
    "push_lines",
    metadata,
    Column("school", ordered_text(), ForeignKey("schools.id"), primary_key=True),
    Column("token", ordered_text()),
    Column("free_at", Instant, nullable=False),
    UniqueConstraint("token"),
)

# What went over a school's line of a push: to its cache, and to single terminals.
push_carried = Table(
    "push_carried",
    metadata,
    Column("push", ordered_text(), ForeignKey("pushes.id"), primary_key=True),
    Column("school", ordered_text(), ForeignKey("schools.id"), primary_key=True),
    Column("cached", Boolean, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
)


def resting_on(resource: ResourceId, now: datetime) -> Select[Any]:
    """Ids of the orders of a resource that are not over."""
    return select(push_orders.c.id).where(push_orders.c.resource == resource, not_over(now))


def not_over(now: datetime) -> ColumnElement[bool]:
    """Whether an order was neither cancelled nor has expired."""
    return and_(
        push_orders.c.cancelled_at.is_(None),
        or_(push_orders.c.expires_at.is_(None), push_orders.c.expires_at > now),
    )
