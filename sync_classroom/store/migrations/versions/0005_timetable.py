"""Series, drafts, versions, the history of lessons, and what terminals and teachers were told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0005"
down_revision = "0004"

# Tables whose rows stay as they were written.
_KEPT = {
    "versions": "a published version is never changed: publish another one",
    "occurrence_history": "the history of lessons is append-only",
}


def upgrade(op: Operations) -> None:
    """Lessons from before belong to no series, and their history begins now."""
    _published(op)
    _drafts(op)
    _history(op)
    _notices(op)
    for table, refusal in _KEPT.items():
        _protect(op, table, refusal)


def _ordered() -> sa.Text:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _counter() -> sa.BigInteger:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _document() -> sa.JSON:
    return sa.JSON(none_as_null=True)


def _published(op: Operations) -> None:
    """Weekly rules, and what occurrences, seats and changes have besides."""
    op.create_table(
        "series",
        sa.Column("id", _ordered(), nullable=False),
        sa.Column("term", _ordered(), nullable=False),
        sa.Column("document", _document(), nullable=False),
        sa.ForeignKeyConstraint(["term"], ["terms.id"], name="fk_series_term"),
        sa.PrimaryKeyConstraint("id", name="pk_series"),
    )
    op.create_index("ix_series_term", "series", ["term"])
    op.add_column("occurrences", sa.Column("series", _ordered(), nullable=True))
    op.add_column("occurrences", sa.Column("slot_date", sa.Date(), nullable=True))
    op.add_column("occurrences", sa.Column("slot_own", sa.Boolean(), nullable=True))
    op.add_column("occurrences", sa.Column("moved_from", _ordered(), nullable=True))
    op.create_index("ix_occurrences_series", "occurrences", ["series"])
    op.add_column(
        "seats",
        sa.Column(
            "assistant",
            _ordered(),
            sa.ForeignKey("teachers.id", name="fk_seats_assistant"),
            nullable=True,
        ),
        inline_references=True,
    )
    op.add_column("changes", sa.Column("annulled_at", sa.BigInteger(), nullable=True))
    op.add_column("changes", sa.Column("annulled_by", sa.Text(), nullable=True))
    op.add_column("changes", sa.Column("annulled_reason", sa.Text(), nullable=True))


def _drafts(op: Operations) -> None:
    """One working copy a term: its steps, and what was done to it in which order."""
    op.create_table(
        "drafts",
        sa.Column("term", _ordered(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["term"], ["terms.id"], name="fk_drafts_term"),
        sa.PrimaryKeyConstraint("term", name="pk_drafts"),
    )
    op.create_table(
        "draft_steps",
        sa.Column("term", _ordered(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", _ordered(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("undone", sa.Boolean(), nullable=False),
        sa.Column("document", _document(), nullable=False),
        sa.ForeignKeyConstraint(["term"], ["drafts.term"], name="fk_draft_steps_term"),
        sa.PrimaryKeyConstraint("term", "seq", name="pk_draft_steps"),
        sa.UniqueConstraint("term", "key", name="uq_draft_steps_term_key"),
    )
    op.create_table(
        "draft_acts",
        sa.Column("term", _ordered(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("key", _ordered(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("touched", _document(), nullable=False),
        sa.ForeignKeyConstraint(["term"], ["drafts.term"], name="fk_draft_acts_term"),
        sa.PrimaryKeyConstraint("term", "revision", name="pk_draft_acts"),
        sa.UniqueConstraint("term", "key", name="uq_draft_acts_term_key"),
    )
    op.create_table(
        "versions",
        sa.Column("no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("term", _ordered(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("key", _ordered(), nullable=False),
        sa.Column("counts", _document(), nullable=False),
        sa.Column("diff", _document(), nullable=False),
        sa.ForeignKeyConstraint(["term"], ["terms.id"], name="fk_versions_term"),
        sa.PrimaryKeyConstraint("no", name="pk_versions"),
        sa.UniqueConstraint("key", name="uq_versions_key"),
    )


def _history(op: Operations) -> None:
    """What happened to each lesson."""
    op.create_table(
        "occurrence_history",
        sa.Column("seq", _counter(), nullable=False),
        sa.Column("occurrence", _ordered(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("key", _ordered(), nullable=False),
        sa.Column("old", _document(), nullable=True),
        sa.Column("new", _document(), nullable=True),
        sa.ForeignKeyConstraint(
            ["occurrence"], ["occurrences.id"], name="fk_occurrence_history_occurrence"
        ),
        sa.ForeignKeyConstraint(["version"], ["versions.no"], name="fk_occurrence_history_version"),
        sa.PrimaryKeyConstraint("seq", name="pk_occurrence_history"),
    )
    op.create_index("ix_occurrence_history_occurrence", "occurrence_history", ["occurrence"])
    op.create_index("ix_occurrence_history_key", "occurrence_history", ["key"])


def _notices(op: Operations) -> None:
    """One row for each classroom or teacher that is told of one act, with its receipts."""
    op.create_table(
        "notices",
        sa.Column("seq", _counter(), nullable=False),
        sa.Column("act", _ordered(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("addressee", _ordered(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("items", _document(), nullable=False),
        sa.Column("more", sa.Integer(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("shown_at", sa.BigInteger(), nullable=True),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["version"], ["versions.no"], name="fk_notices_version"),
        sa.PrimaryKeyConstraint("seq", name="pk_notices"),
        sa.UniqueConstraint("act", "kind", "addressee", name="uq_notices_act_kind_addressee"),
    )
    op.create_index("ix_notices_kind_addressee_until", "notices", ["kind", "addressee", "until"])
    op.create_index("ix_notices_version", "notices", ["version"])


def _protect(op: Operations, table: str, refusal: str) -> None:
    """Refuse UPDATE, DELETE and TRUNCATE, whoever asks."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{refusal}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION {table}_refuse()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
    )
