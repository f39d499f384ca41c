"""Scores of lessons in research sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0028"
down_revision = "0027"


def upgrade(op: Operations) -> None:
    """One table."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "research_scores",
        sa.Column("session", ordered, nullable=False),
        sa.Column("lesson", ordered, nullable=False),
        sa.Column("by", ordered, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("items", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("points", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("remark", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["occurrences.id"], name="fk_research_scores_session"),
        sa.ForeignKeyConstraint(["lesson"], ["occurrences.id"], name="fk_research_scores_lesson"),
        sa.PrimaryKeyConstraint("session", "lesson", "by", name="pk_research_scores"),
    )
