"""Push orders: what was asked for, until it is sent and after."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0017"
down_revision = "0016"


def upgrade(op: Operations) -> None:
    """One table."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "push_orders",
        sa.Column("id", ordered, nullable=False),
        sa.Column("key", ordered, nullable=False),
        sa.Column("resource", ordered, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rule", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("targets", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("send_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("cancelled_at", sa.BigInteger(), nullable=True),
        sa.Column("cancelled_by", sa.Text(), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["resource"], ["resources.id"], name="fk_push_orders_resource"),
        sa.PrimaryKeyConstraint("id", name="pk_push_orders"),
        sa.UniqueConstraint("key", name="uq_push_orders_key"),
    )
    op.create_index("ix_push_orders_at", "push_orders", ["at"])
    op.create_index("ix_push_orders_resource", "push_orders", ["resource"])
