"""Classrooms' calls for help."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0018"
down_revision = "0017"


def upgrade(op: Operations) -> None:
    """One table; nobody has called before."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "help_calls",
        sa.Column("id", ordered, nullable=False),
        sa.Column("classroom", ordered, nullable=False),
        sa.Column("terminal", ordered, nullable=False),
        sa.Column("lesson", ordered, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_help_calls"),
    )
    op.create_index("ix_help_calls_classroom_at", "help_calls", ["classroom", "at"])
    op.create_index("ix_help_calls_at", "help_calls", ["at"])
