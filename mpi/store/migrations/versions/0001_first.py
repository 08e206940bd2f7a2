"""Every table of the first release, and the guard of what is only ever appended to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.String(27).with_variant(sa.String(27, collation="C"), "postgresql")
OPEN = sa.text("done_at IS NULL")

# What may not happen to a table's rows. On SQLite this stops accidents only: its file has one owner.
FORBIDDEN = (
    ("ledger_entry", "UPDATE"),
    ("ledger_entry", "DELETE"),
    ("ledger_body", "UPDATE"),  # a purge may delete a body, nobody may change one
    ("assertion", "UPDATE"),
    ("assertion", "DELETE"),
)
NEVER_EMPTIED = ("ledger_entry", "ledger_body", "assertion")


def upgrade() -> None:
    """Up."""
    _tables()
    op.execute("INSERT INTO ledger_head (log, size) VALUES ('identity', 0)")
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def _guard_sqlite() -> None:
    for table, act in FORBIDDEN:
        op.execute(
            f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def _guard_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; "
        "END $$"
    )
    for table, act in FORBIDDEN:
        op.execute(
            f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    for table in NEVER_EMPTIED:  # row triggers do not see TRUNCATE
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _tables() -> None:
    op.create_table(
        "assertion",
        sa.Column("assertion_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("record_a", sa.Text()),
        sa.Column("record_b", sa.Text()),
        sa.Column("retracts", sa.Text()),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("manual", sa.Boolean(), nullable=False),
        sa.Column("decision_id", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("body", sa.JSON()),
        sa.Column("at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "kind IN ('link', 'not_same', 'split', 'retract')", name=op.f("ck_assertion_kind")
        ),
        sa.PrimaryKeyConstraint("assertion_id", name="pk_assertion"),
        sa.UniqueConstraint("position", name="uq_assertion_position"),
    )
    op.create_index("ix_assertion_record_a", "assertion", ["record_a"])
    op.create_index("ix_assertion_record_b", "assertion", ["record_b"])
    op.create_index("ix_assertion_retracts", "assertion", ["retracts"])
    op.create_table(
        "authority",
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("oid", sa.Text()),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("sends_status", sa.Boolean(), nullable=False),
        sa.Column("certified", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("authority", name="pk_authority"),
        sa.UniqueConstraint("label", name="uq_authority_label"),
        sa.UniqueConstraint("oid", name="uq_authority_oid"),
    )
    op.create_table(
        "idempotency",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.JSON()),
        sa.Column("at", INSTANT, nullable=False),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_idempotency_digest")),
        sa.PrimaryKeyConstraint("caller", "key", name="pk_idempotency"),
    )
    op.create_table(
        "instance",
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("sop_instance_uid", sa.Text()),
        sa.Column("study_instance_uid", sa.Text()),
        sa.Column("series_instance_uid", sa.Text()),
        sa.Column("sop_class_uid", sa.Text()),
        sa.Column("transfer_syntax", sa.Text()),
        sa.Column("content_digest", sa.LargeBinary()),
        sa.Column("received_id", sa.Text()),
        sa.Column("received_issuer", sa.Text()),
        sa.Column("received_universal", sa.Text()),
        sa.Column("calling_ae", sa.Text()),
        sa.Column("peer", sa.Text()),
        sa.Column("archive", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", INSTANT),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("coerced_at", INSTANT),
        sa.Column("stored_at", INSTANT),
        sa.Column("patient_id_written", sa.Text()),
        sa.Column("changes", sa.JSON()),
        sa.CheckConstraint(
            "state IN ('spooled', 'held', 'stored', 'conflict', 'quarantined', 'failed')",
            name=op.f("ck_instance_state"),
        ),
        sa.CheckConstraint("length(content_digest) = 32", name=op.f("ck_instance_content_digest")),
        sa.PrimaryKeyConstraint("instance_id", name="pk_instance"),
    )
    op.create_index("ix_instance_sop_instance_uid", "instance", ["sop_instance_uid"])
    op.create_index("ix_instance_state_next_attempt_at", "instance", ["state", "next_attempt_at"])
    op.create_index("ix_instance_study_instance_uid", "instance", ["study_instance_uid"])
    op.create_table(
        "ledger_entry",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.CheckConstraint("length(commitment) = 32", name=op.f("ck_ledger_entry_commitment")),
        sa.PrimaryKeyConstraint("position", name="pk_ledger_entry"),
        sa.UniqueConstraint("entry_id", name="uq_ledger_entry_entry_id"),
    )
    op.create_table(
        "ledger_head",
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("log", name="pk_ledger_head"),
    )
    op.create_table(
        "link_count",
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("authority", "day", name="pk_link_count"),
    )
    op.create_table(
        "nir_count",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "door", "field", "rule", name="pk_nir_count"),
    )
    op.create_table(
        "outbox",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("other_key", sa.Text()),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("available_at", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", INSTANT),
        sa.Column("lease_token", sa.Text()),
        sa.Column("done_at", INSTANT),
        sa.Column("dead_at", INSTANT),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_outbox_open_topic", "outbox", ["topic", "id"], sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index("ix_outbox_open_key", "outbox", ["key", "id"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index(
        "ix_outbox_open_other_key", "outbox", ["other_key", "id"], sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_table(
        "review",
        sa.Column("review_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("group_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text()),
        sa.Column("identities", sa.JSON(), nullable=False),
        sa.Column("records", sa.JSON(), nullable=False),
        sa.Column("decision_id", sa.Text()),
        sa.Column("study_instance_uid", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("match_weight", sa.Float(precision=53)),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT),
        sa.Column("closed_reason", sa.Text()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind BETWEEN 1 AND 10", name=op.f("ck_review_kind")),
        sa.PrimaryKeyConstraint("review_id", name="pk_review"),
    )
    op.create_index("ix_review_group_key_state", "review", ["group_key", "state"])
    op.create_index("ix_review_record_id", "review", ["record_id"])
    op.create_index("ix_review_state_opened_at", "review", ["state", "opened_at"])
    op.create_table(
        "sender",
        sa.Column("sender_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_prefix", sa.Text(), nullable=False),
        sa.Column("key_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("ae_title", sa.Text()),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("revoked_at", INSTANT),
        sa.Column("last_used_at", INSTANT),
        sa.CheckConstraint("length(key_sha256) = 32", name=op.f("ck_sender_key_sha256")),
        sa.PrimaryKeyConstraint("sender_id", name="pk_sender"),
        sa.UniqueConstraint("ae_title", name="uq_sender_ae_title"),
        sa.UniqueConstraint("key_prefix", name="uq_sender_key_prefix"),
        sa.UniqueConstraint("name", name="uq_sender_name"),
    )
    op.create_table(
        "ledger_body",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.CheckConstraint("length(salt) = 32", name=op.f("ck_ledger_body_salt")),
        sa.ForeignKeyConstraint(["position"], ["ledger_entry.position"], name="fk_ledger_body_position"),
        sa.PrimaryKeyConstraint("position", name="pk_ledger_body"),
    )
    op.create_table(
        "sender_authority",
        sa.Column("sender_id", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["authority"], ["authority.authority"], name="fk_sender_authority_authority"),
        sa.ForeignKeyConstraint(["sender_id"], ["sender.sender_id"], name="fk_sender_authority_sender_id"),
        sa.PrimaryKeyConstraint("sender_id", "authority", name="pk_sender_authority"),
    )
    op.create_table(
        "source_record",
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("local_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("e_id", sa.Text()),
        sa.Column("unidentified", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_source_record_digest")),
        sa.ForeignKeyConstraint(["authority"], ["authority.authority"], name="fk_source_record_authority"),
        sa.PrimaryKeyConstraint("record_id", name="pk_source_record"),
        sa.UniqueConstraint("authority", "local_id", name="uq_source_record_authority_local_id"),
        sa.UniqueConstraint("e_id", name="uq_source_record_e_id"),
    )
    op.create_table(
        "blocking_key",
        sa.Column("key_hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["source_record.record_id"], name="fk_blocking_key_record_id"),
        sa.PrimaryKeyConstraint("key_hash", "record_id", name="pk_blocking_key"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_blocking_key_record_id", "blocking_key", ["record_id"])
    op.create_table(
        "decision",
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("identity_id", sa.Text(), nullable=False),
        sa.Column("match_weight", sa.Float(precision=53)),
        sa.Column("margin", sa.Float(precision=53)),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("candidates", sa.JSON(), nullable=False),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("encounter_on", sa.String(length=10)),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["source_record.record_id"], name="fk_decision_record_id"),
        sa.PrimaryKeyConstraint("decision_id", name="pk_decision"),
    )
    op.create_index("ix_decision_record_id_at", "decision", ["record_id", "at"])
    op.create_table(
        "identity",
        sa.Column("identity_id", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("minted_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["source_record.record_id"], name="fk_identity_record_id"),
        sa.PrimaryKeyConstraint("identity_id", name="pk_identity"),
    )
    op.create_index("ix_identity_record_id", "identity", ["record_id"], unique=True)
    op.create_table(
        "record_version",
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("raw", sa.JSON(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("told_at", INSTANT, nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("disputed", sa.Boolean(), nullable=False),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_record_version_digest")),
        sa.ForeignKeyConstraint(
            ["record_id"], ["source_record.record_id"], name="fk_record_version_record_id"
        ),
        sa.PrimaryKeyConstraint("record_id", "version", name="pk_record_version"),
    )
    op.create_table(
        "membership",
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("identity_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["identity_id"], ["identity.identity_id"], name="fk_membership_identity_id"),
        sa.ForeignKeyConstraint(["record_id"], ["source_record.record_id"], name="fk_membership_record_id"),
        sa.PrimaryKeyConstraint("record_id", name="pk_membership"),
    )
    op.create_index("ix_membership_identity_id", "membership", ["identity_id"])
    op.create_table(
        "study",
        sa.Column("study_instance_uid", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.Text()),
        sa.Column("archive", sa.Text()),
        sa.Column("modality", sa.Text()),
        sa.Column("study_at", INSTANT),
        sa.Column("description", sa.Text()),
        sa.Column("accession_number", sa.Text()),
        sa.Column("first_seen_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.decision_id"], name="fk_study_decision_id"),
        sa.ForeignKeyConstraint(["record_id"], ["source_record.record_id"], name="fk_study_record_id"),
        sa.PrimaryKeyConstraint("study_instance_uid", name="pk_study"),
    )
    op.create_index("ix_study_record_id", "study", ["record_id"])
