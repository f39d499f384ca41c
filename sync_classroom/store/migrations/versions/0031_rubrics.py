"""The rubric that administrators edit, by version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0031"
down_revision = "0030"


def upgrade(op: Operations) -> None:
    """One table."""
    op.create_table(
        "research_rubrics",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("items", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_research_rubrics"),
    )
