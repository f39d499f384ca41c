"""What a lesson's rooms do beside raising hands: silence for all, turns, quick questions, and
messages to the teacher."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0015"
down_revision = "0014"


def upgrade(op: Operations) -> None:
    """Floors from before were never quiet; their turns were not counted, and nothing was asked."""
    op.add_column(
        "floors", sa.Column("quiet", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("floors", sa.Column("turns", _document(), nullable=True))
    op.add_column("floors", sa.Column("questions", _document(), nullable=True))
    op.create_table(
        "room_messages",
        sa.Column("occurrence", _ordered(), nullable=False),
        sa.Column("id", _ordered(), nullable=False),
        sa.Column("seat", _ordered(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["occurrence"], ["occurrences.id"], name="fk_room_messages_occurrence"
        ),
        sa.PrimaryKeyConstraint("occurrence", "id", name="pk_room_messages"),
    )


def _ordered() -> sa.Text:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _document() -> sa.JSON:
    return sa.JSON(none_as_null=True)
