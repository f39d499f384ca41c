"""Tables of what was deleted: each cut before it is made, and each run after it."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, Text

from .columns import Instant, document, ordered_text, row_number
from .tables import metadata

# No cut reaches nearer than thirty days, whoever writes one (`domain.retention.LEAST_DAYS`).
LEAST_US = 30 * 86_400_000_000

# Triggers let rows of a protected kind go only if they are older than a cut that stands here; what
# stands here stays for ever. So nothing protected disappears without a trace.
retention_cuts = Table(
    "retention_cuts",
    metadata,
    Column("number", row_number(), primary_key=True),
    Column("kind", ordered_text(), nullable=False),
    Column("before", Instant, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    CheckConstraint(f"at - before >= {LEAST_US}", name="not_recent"),
    Index(None, "kind", "before"),
)

# `deleted` is {kind: how many}, `before` is {kind: microseconds since 1970}.
retention_runs = Table(
    "retention_runs",
    metadata,
    Column("number", row_number(), primary_key=True),
    Column("began_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("deleted", document(), nullable=False),
    Column("before", document(), nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("failure", Text),
)
