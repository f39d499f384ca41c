"""Which page of a document a lesson's rooms saw from when to when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0032"
down_revision = "0031"


def upgrade(op: Operations) -> None:
    """One table."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "page_turns",
        sa.Column("occurrence", ordered, nullable=False),
        sa.Column("second", sa.BigInteger(), nullable=False),
        sa.Column("document", ordered, nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("to_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["occurrence"], ["occurrences.id"], name="fk_page_turns_occurrence"
        ),
        sa.ForeignKeyConstraint(
            ["document"],
            ["lesson_documents.id"],
            name="fk_page_turns_document",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("occurrence", "second", name="pk_page_turns"),
    )
    op.create_index("ix_page_turns_document", "page_turns", ["document"])
