"""Minutes of research sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0023"
down_revision = "0022"


def upgrade(op: Operations) -> None:
    """One table, whose rows stay as they were written."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "research_minutes",
        sa.Column("session", ordered, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", ordered, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session"], ["occurrences.id"], name="fk_research_minutes_session"
        ),
        sa.PrimaryKeyConstraint("session", "number", "revision", name="pk_research_minutes"),
        sa.UniqueConstraint("session", "key", name="uq_research_minutes_session_key"),
    )
