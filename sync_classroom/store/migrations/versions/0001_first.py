"""The first schema: roster, timetable, lessons, facts, terminals, accounts, lease."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0001"
down_revision = None

_REFUSAL = "facts are append-only: a correction is another fact"


def upgrade(op: Operations) -> None:
    """Make every table on an empty database."""
    _roster(op)
    _timetable(op)
    _lessons(op)
    _facts(op)
    _access(op)
    _protect_facts(op)


def _ordered() -> sa.Text:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _counter() -> sa.BigInteger:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _roster(op: Operations) -> None:
    """Schools and what belongs to them."""
    op.create_table(
        "programme",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("target_classrooms", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_programme_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_programme"),
    )
    op.create_table(
        "schools",
        sa.Column("id", _ordered(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("joined_on", sa.Date(), nullable=False),
        sa.Column("left_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_schools"),
    )
    op.create_table(
        "classrooms",
        sa.Column("id", _ordered(), nullable=False),
        sa.Column("school", _ordered(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("commissioned_on", sa.Date(), nullable=False),
        sa.Column("retired_on", sa.Date(), nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["school"], ["schools.id"], name="fk_classrooms_school"),
        sa.PrimaryKeyConstraint("id", name="pk_classrooms"),
    )
    op.create_table(
        "classes",
        sa.Column("id", _ordered(), nullable=False),
        sa.Column("school", _ordered(), nullable=False),
        sa.Column("grade", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("enrolment", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["school"], ["schools.id"], name="fk_classes_school"),
        sa.PrimaryKeyConstraint("id", name="pk_classes"),
    )
    op.create_table(
        "teachers",
        sa.Column("id", _ordered(), nullable=False),
        sa.Column("school", _ordered(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["school"], ["schools.id"], name="fk_teachers_school"),
        sa.PrimaryKeyConstraint("id", name="pk_teachers"),
    )
    op.create_table(
        "terms",
        sa.Column("id", _ordered(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("week1_monday", sa.Date(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.CheckConstraint("first_day <= last_day", name="ck_terms_days_in_order"),
        sa.PrimaryKeyConstraint("id", name="pk_terms"),
    )
    op.create_table(
        "bell_sets",
        sa.Column("id", _ordered(), nullable=False),
        sa.Column("school", _ordered(), nullable=False),
        sa.Column("periods", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(["school"], ["schools.id"], name="fk_bell_sets_school"),
        sa.PrimaryKeyConstraint("id", name="pk_bell_sets"),
    )
    op.create_table(
        "day_exceptions",
        sa.Column("id", _ordered(), nullable=False),
        sa.Column("school", _ordered(), nullable=True),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("teaching", sa.Boolean(), nullable=False),
        sa.Column("follows_weekday", sa.Integer(), nullable=True),
        sa.Column("follows_week", sa.Integer(), nullable=True),
        sa.Column("bell_set", _ordered(), nullable=True),
        sa.ForeignKeyConstraint(["bell_set"], ["bell_sets.id"], name="fk_day_exceptions_bell_set"),
        sa.ForeignKeyConstraint(["school"], ["schools.id"], name="fk_day_exceptions_school"),
        sa.PrimaryKeyConstraint("id", name="pk_day_exceptions"),
    )


def _timetable(op: Operations) -> None:
    """Occurrences, seats and changes."""
    op.create_table(
        "occurrences",
        sa.Column("id", _ordered(), nullable=False),
        sa.Column("key", _ordered(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("periods", sa.Integer(), nullable=False),
        sa.Column("host_school", _ordered(), nullable=False),
        sa.Column("host_classroom", _ordered(), nullable=False),
        sa.Column("host_teacher", _ordered(), nullable=False),
        sa.Column("host_class", _ordered(), nullable=True),
        sa.Column("grade", sa.Integer(), nullable=True),
        sa.Column("term", _ordered(), nullable=True),
        sa.CheckConstraint(
            "ends_at - starts_at <= 86400000000", name="ck_occurrences_within_a_day"
        ),
        sa.CheckConstraint("ends_at > starts_at", name="ck_occurrences_ends_after_start"),
        sa.ForeignKeyConstraint(["host_class"], ["classes.id"], name="fk_occurrences_host_class"),
        sa.ForeignKeyConstraint(
            ["host_classroom"], ["classrooms.id"], name="fk_occurrences_host_classroom"
        ),
        sa.ForeignKeyConstraint(["host_school"], ["schools.id"], name="fk_occurrences_host_school"),
        sa.ForeignKeyConstraint(
            ["host_teacher"], ["teachers.id"], name="fk_occurrences_host_teacher"
        ),
        sa.ForeignKeyConstraint(["term"], ["terms.id"], name="fk_occurrences_term"),
        sa.PrimaryKeyConstraint("id", name="pk_occurrences"),
        sa.UniqueConstraint("key", name="uq_occurrences_key"),
    )
    op.create_index("ix_occurrences_date", "occurrences", ["date"], unique=False)
    op.create_index("ix_occurrences_starts_at", "occurrences", ["starts_at"], unique=False)
    op.create_table(
        "seats",
        sa.Column("occurrence", _ordered(), nullable=False),
        sa.Column("id", _ordered(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("classroom", _ordered(), nullable=False),
        sa.Column("class", _ordered(), nullable=True),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["class"], ["classes.id"], name="fk_seats_class"),
        sa.ForeignKeyConstraint(["classroom"], ["classrooms.id"], name="fk_seats_classroom"),
        sa.ForeignKeyConstraint(["occurrence"], ["occurrences.id"], name="fk_seats_occurrence"),
        sa.PrimaryKeyConstraint("occurrence", "id", name="pk_seats"),
    )
    op.create_table(
        "participants",
        sa.Column("occurrence", _ordered(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("teacher", _ordered(), nullable=False),
        sa.ForeignKeyConstraint(
            ["occurrence"], ["occurrences.id"], name="fk_participants_occurrence"
        ),
        sa.ForeignKeyConstraint(["teacher"], ["teachers.id"], name="fk_participants_teacher"),
        sa.PrimaryKeyConstraint("occurrence", "position", name="pk_participants"),
    )
    op.create_table(
        "changes",
        sa.Column("seq", _counter(), nullable=False),
        sa.Column("occurrence", _ordered(), nullable=False),
        sa.Column("key", _ordered(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("excused", sa.Boolean(), nullable=False),
        sa.Column("seat", _ordered(), nullable=True),
        sa.Column("to", _ordered(), nullable=True),
        sa.ForeignKeyConstraint(
            ["occurrence", "seat"],
            ["seats.occurrence", "seats.id"],
            name="fk_changes_occurrence_seat",
        ),
        sa.ForeignKeyConstraint(["occurrence"], ["occurrences.id"], name="fk_changes_occurrence"),
        sa.ForeignKeyConstraint(["to"], ["occurrences.id"], name="fk_changes_to"),
        sa.PrimaryKeyConstraint("seq", name="pk_changes"),
        sa.UniqueConstraint("occurrence", "key", name="uq_changes_occurrence_key"),
    )


def _lessons(op: Operations) -> None:
    """The life of occurrences."""
    op.create_table(
        "runs",
        sa.Column("occurrence", _ordered(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=True),
        sa.Column("live_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("extended_s", sa.Integer(), nullable=False),
        sa.Column("host_lost_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["occurrence"], ["occurrences.id"], name="fk_runs_occurrence"),
        sa.PrimaryKeyConstraint("occurrence", name="pk_runs"),
    )
    op.create_index("ix_runs_state", "runs", ["state"], unique=False)
    op.create_table(
        "floors",
        sa.Column("occurrence", _ordered(), nullable=False),
        sa.Column("hands", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("called_on", _ordered(), nullable=True),
        sa.Column("called_at", sa.BigInteger(), nullable=True),
        sa.Column("muted", sa.Boolean(), nullable=False),
        sa.Column("present", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["occurrence"], ["occurrences.id"], name="fk_floors_occurrence"),
        sa.PrimaryKeyConstraint("occurrence", name="pk_floors"),
    )


def _facts(op: Operations) -> None:
    """Evidence, which triggers keep as it was written."""
    op.create_table(
        "facts",
        sa.Column("seq", _counter(), nullable=False),
        sa.Column("id", _ordered(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurrence", _ordered(), nullable=True),
        sa.Column("seat", _ordered(), nullable=True),
        sa.Column("teacher", _ordered(), nullable=True),
        sa.Column("relay", _ordered(), nullable=True),
        sa.Column("push", _ordered(), nullable=True),
        sa.Column("target", _ordered(), nullable=True),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("to_at", sa.BigInteger(), nullable=True),
        sa.Column("packets", sa.BigInteger(), nullable=True),
        sa.Column("acked", sa.BigInteger(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("present", sa.Integer(), nullable=True),
        sa.Column("what", sa.Text(), nullable=True),
        sa.Column("stated_at", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_facts"),
        sa.UniqueConstraint("id", name="uq_facts_id"),
    )
    op.create_index(
        "ix_facts_gap",
        "facts",
        ["from_at"],
        unique=False,
        sqlite_where=sa.text("kind = 'journal_gap'"),
        postgresql_where=sa.text("kind = 'journal_gap'"),
    )
    op.create_index(
        "ix_facts_occurrence_kind_to_at", "facts", ["occurrence", "kind", "to_at"], unique=False
    )
    op.create_table(
        "journal_cursors",
        sa.Column("relay", _ordered(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("moved_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("relay", name="pk_journal_cursors"),
    )


def _access(op: Operations) -> None:
    """Devices, people and the scheduler's lease."""
    op.create_table(
        "enrolment_codes",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("classroom", _ordered(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["classroom"], ["classrooms.id"], name="fk_enrolment_codes_classroom"
        ),
        sa.PrimaryKeyConstraint("code_hash", name="pk_enrolment_codes"),
    )
    op.create_table(
        "terminals",
        sa.Column("id", _ordered(), nullable=False),
        sa.Column("classroom", _ordered(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("enrolled_at", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=True),
        sa.Column("page_version", sa.Text(), nullable=False),
        sa.Column("selfcheck", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("selfcheck_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["classroom"], ["classrooms.id"], name="fk_terminals_classroom"),
        sa.PrimaryKeyConstraint("id", name="pk_terminals"),
        sa.UniqueConstraint("token_hash", name="uq_terminals_token_hash"),
    )
    op.create_index(
        "ix_terminals_in_use",
        "terminals",
        ["classroom"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_table(
        "users",
        sa.Column("id", _ordered(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("login_folded", _ordered(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("school", _ordered(), nullable=True),
        sa.Column("teacher", _ordered(), nullable=True),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=True),
        sa.Column("last_sign_in_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["school"], ["schools.id"], name="fk_users_school"),
        sa.ForeignKeyConstraint(["teacher"], ["teachers.id"], name="fk_users_teacher"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("login_folded", name="uq_users_login_folded"),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user", _ordered(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_sessions_user"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"], unique=False)
    op.create_index("ix_sessions_user", "sessions", ["user"], unique=False)
    op.create_table(
        "leases",
        sa.Column("name", _ordered(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def _protect_facts(op: Operations) -> None:
    """Refuse UPDATE, DELETE and TRUNCATE of facts, whoever asks."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER facts_no_{verb.lower()} BEFORE {verb} ON facts"
                f" BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION facts_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        "CREATE TRIGGER facts_no_change BEFORE UPDATE OR DELETE ON facts"
        " FOR EACH ROW EXECUTE FUNCTION facts_refuse()"
    )
    op.execute(
        "CREATE TRIGGER facts_no_truncate BEFORE TRUNCATE ON facts"
        " FOR EACH STATEMENT EXECUTE FUNCTION facts_refuse()"
    )
