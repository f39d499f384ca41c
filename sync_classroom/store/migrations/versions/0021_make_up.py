"""Who switched automatic pushes on or off, and who reminded of a push."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0021"
down_revision = "0020"


def upgrade(op: Operations) -> None:
    """Two tables."""
    counter = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "push_switches",
        sa.Column("number", counter, nullable=False),
        sa.Column("on", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_push_switches"),
    )
    op.create_table(
        "push_reminders",
        sa.Column("push", ordered, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["push"], ["push_orders.id"], name="fk_push_reminders_push"),
        sa.PrimaryKeyConstraint("push", "at", name="pk_push_reminders"),
    )
