"""Agenda and materials of research sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0020"
down_revision = "0019"


def upgrade(op: Operations) -> None:
    """One table, whose rows stay as they were written."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "research_papers",
        sa.Column("session", ordered, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", ordered, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("agenda", sa.Text(), nullable=False),
        sa.Column("materials", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["occurrences.id"], name="fk_research_papers_session"),
        sa.PrimaryKeyConstraint("session", "revision", name="pk_research_papers"),
        sa.UniqueConstraint("session", "key", name="uq_research_papers_session_key"),
    )
