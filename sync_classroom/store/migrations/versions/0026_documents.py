"""Documents of lessons, and the page that all rooms see."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0026"
down_revision = "0025"


def upgrade(op: Operations) -> None:
    """One table, and two columns of the floor."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "lesson_documents",
        sa.Column("id", ordered, nullable=False),
        sa.Column("occurrence", ordered, nullable=False),
        sa.Column("key", ordered, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("pages", _document(), nullable=True),
        sa.Column("refused", _document(), nullable=True),
        sa.ForeignKeyConstraint(
            ["occurrence"], ["occurrences.id"], name="fk_lesson_documents_occurrence"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_lesson_documents"),
        sa.UniqueConstraint("occurrence", "key", name="uq_lesson_documents_occurrence_key"),
    )
    op.create_index("ix_lesson_documents_sha256", "lesson_documents", ["sha256"])
    op.create_index("ix_lesson_documents_at", "lesson_documents", ["at"])
    op.add_column("floors", sa.Column("document", ordered, nullable=True))
    op.add_column("floors", sa.Column("page", sa.Integer(), nullable=True))


def _document() -> sa.JSON:
    return sa.JSON(none_as_null=True)
