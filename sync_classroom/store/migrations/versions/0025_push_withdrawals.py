"""Targets of automatic pushes that late evidence took out again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0025"
down_revision = "0024"


def upgrade(op: Operations) -> None:
    """One table; of orders before nothing was withdrawn."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "push_withdrawals",
        sa.Column("push", ordered, nullable=False),
        sa.Column("target", ordered, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["push"], ["push_orders.id"], name="fk_push_withdrawals_push"),
        sa.PrimaryKeyConstraint("push", "target", name="pk_push_withdrawals"),
    )
