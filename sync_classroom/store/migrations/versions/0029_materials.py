"""Files that belong to research sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0029"
down_revision = "0028"


def upgrade(op: Operations) -> None:
    """One table."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "research_files",
        sa.Column("session", ordered, nullable=False),
        sa.Column("resource", ordered, nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["occurrences.id"], name="fk_research_files_session"),
        sa.ForeignKeyConstraint(["resource"], ["resources.id"], name="fk_research_files_resource"),
        sa.PrimaryKeyConstraint("session", "resource", name="pk_research_files"),
    )
