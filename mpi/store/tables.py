"""Every table, the same on SQLite and PostgreSQL: SQLAlchemy Core, no mapped classes.

Ids are text. Instants are fixed-width UTC text (`Instant`), so that both databases sort, compare and hash the
same characters. A null instant means that it has not happened. Tables are created by the migrations alone; a
test holds both descriptions equal.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine


def instant_text(at: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS.ffffffZ` of an aware datetime; ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored as 27 characters of UTC text that sort in time order."""

    impl = String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """Sorted by code point on PostgreSQL too, whatever the locale of the database."""
        return dialect.type_descriptor(String(27, collation="C" if dialect.name == "postgresql" else None))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To text."""
        return None if value is None else instant_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Back to an aware datetime."""
        return None if value is None else datetime.fromisoformat(value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Document = JSON(none_as_null=True)
RowNumber = BigInteger().with_variant(Integer, "sqlite")


def _bytes32(name: str, *, nullable: bool = False) -> tuple[Column[bytes], CheckConstraint]:
    """A SHA-256 digest or a salt."""
    return Column(name, LargeBinary, nullable=nullable), CheckConstraint(f"length({name}) = 32", name=name)


def _record(name: str = "record_id", *, primary_key: bool = False, nullable: bool = False) -> Column[str]:
    return Column(
        name, Text, ForeignKey("source_record.record_id"), primary_key=primary_key, nullable=nullable
    )


# -- who may speak ------------------------------------------------------------------------------------------

authority = Table(
    "authority",
    metadata,
    Column("authority", Text, primary_key=True),
    Column("oid", Text, unique=True),
    Column("label", Text, nullable=False, unique=True),
    Column("sends_status", Boolean, nullable=False),
    Column("certified", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
)

sender = Table(
    "sender",
    metadata,
    Column("sender_id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("key_prefix", Text, nullable=False, unique=True),
    *_bytes32("key_sha256"),
    Column("ae_title", Text, unique=True),
    Column("roles", Document, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
)

sender_authority = Table(
    "sender_authority",
    metadata,
    Column("sender_id", Text, ForeignKey("sender.sender_id"), primary_key=True),
    Column("authority", Text, ForeignKey("authority.authority"), primary_key=True),
)

# -- what was told ------------------------------------------------------------------------------------------

source_record = Table(
    "source_record",
    metadata,
    Column("record_id", Text, primary_key=True),
    Column("authority", Text, ForeignKey("authority.authority"), nullable=False),
    Column("local_id", Text, nullable=False),
    Column("version", Integer, nullable=False),  # the newest version told
    *_bytes32("digest"),  # of that version
    Column("e_id", Text, unique=True),  # null: this record has minted none
    Column("unidentified", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("authority", "local_id"),
)

record_version = Table(
    "record_version",
    metadata,
    _record(primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("raw", Document, nullable=False),
    *_bytes32("digest"),
    Column("told_at", Instant, nullable=False),
    Column("sender", Text, nullable=False),  # actor id
    Column("disputed", Boolean, nullable=False),  # an overlay is open: not compared
)

blocking_key = Table(
    "blocking_key",
    metadata,
    Column("key_hash", BigInteger, primary_key=True, autoincrement=False),
    _record(primary_key=True),
    Column("rule", Text, nullable=False),
    Index(None, "record_id"),
    sqlite_with_rowid=False,  # the primary key is the table: one range read finds a block
)

# -- who is who ---------------------------------------------------------------------------------------------

identity = Table(
    "identity",
    metadata,
    Column("identity_id", Text, primary_key=True),
    _record(),
    Column("position", BigInteger, nullable=False),  # of the ledger entry that minted it: the oldest survives
    Column("minted_at", Instant, nullable=False),
    Index(None, "record_id", unique=True),
)

membership = Table(
    "membership",
    metadata,
    _record(primary_key=True),
    Column("identity_id", Text, ForeignKey("identity.identity_id"), nullable=False, index=True),
)

decision = Table(
    "decision",
    metadata,
    Column("decision_id", Text, primary_key=True),
    _record(),
    Column("version", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("identity_id", Text, nullable=False),
    Column("match_weight", Float(53)),  # bits; null: nothing was compared
    Column("margin", Float(53)),  # bits; null: no runner-up
    Column("model", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("evidence", Document, nullable=False),
    Column("candidates", Document, nullable=False),
    Column("keys", Document, nullable=False),
    Column("reasons", Document, nullable=False),
    Column("encounter_on", String(10)),  # ISO date
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Index(None, "record_id", "at"),
)

assertion = Table(
    "assertion",
    metadata,
    Column("assertion_id", Text, primary_key=True),
    Column("position", BigInteger, nullable=False, unique=True),  # of its ledger entry
    Column("kind", Text, nullable=False),
    Column("record_a", Text, index=True),  # null for a retraction
    Column("record_b", Text, index=True),  # null for a split or a retraction
    Column("retracts", Text, index=True),  # the assertion taken back, else null
    Column("actor", Text, nullable=False),
    Column("manual", Boolean, nullable=False),
    Column("decision_id", Text),
    Column("reason", Text),
    Column("body", Document),
    Column("at", Instant, nullable=False),
    CheckConstraint("kind IN ('link', 'not_same', 'split', 'retract')", name="kind"),
)

review = Table(
    "review",
    metadata,
    Column("review_id", Text, primary_key=True),
    Column("kind", Integer, nullable=False),
    Column("group_key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("record_id", Text, index=True),
    Column("identities", Document, nullable=False),
    Column("records", Document, nullable=False),
    Column("decision_id", Text),
    Column("study_instance_uid", Text),
    Column("reason", Text),
    Column("match_weight", Float(53)),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closed_reason", Text),
    Column("version", Integer, nullable=False),
    Index(None, "group_key", "state"),
    Index(None, "state", "opened_at"),
    CheckConstraint("kind BETWEEN 1 AND 10", name="kind"),
)

# -- what was imaged ----------------------------------------------------------------------------------------

study = Table(
    "study",
    metadata,
    Column("study_instance_uid", Text, primary_key=True),
    _record(),
    Column("decision_id", Text, ForeignKey("decision.decision_id")),
    Column("archive", Text),
    Column("modality", Text),
    Column("study_at", Instant),
    Column("description", Text),
    Column("accession_number", Text),
    Column("first_seen_at", Instant, nullable=False),
    Index(None, "record_id"),
)

INSTANCE_STATES = ("spooled", "held", "stored", "conflict", "quarantined", "failed")

instance = Table(
    "instance",
    metadata,
    Column("instance_id", Text, primary_key=True),
    Column("sop_instance_uid", Text, index=True),
    Column("study_instance_uid", Text, index=True),
    Column("series_instance_uid", Text),
    Column("sop_class_uid", Text),
    Column("transfer_syntax", Text),
    *_bytes32("content_digest", nullable=True),
    Column("received_id", Text),
    Column("received_issuer", Text),
    Column("received_universal", Text),
    Column("calling_ae", Text),
    Column("peer", Text),
    Column("archive", Text),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", Instant),
    Column("received_at", Instant, nullable=False),
    Column("coerced_at", Instant),
    Column("stored_at", Instant),
    Column("patient_id_written", Text),
    Column("changes", Document),
    Index(None, "state", "next_attempt_at"),
    CheckConstraint(f"state IN {INSTANCE_STATES}", name="state"),
)

# -- what is remembered -------------------------------------------------------------------------------------

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),  # 0, 1, 2, ...: the leaf's index
    Column("entry_id", Text, nullable=False, unique=True),
    *_bytes32("commitment"),
    Column("at", Instant, nullable=False),
)

ledger_body = Table(
    "ledger_body",
    metadata,
    Column(
        "position", BigInteger, ForeignKey("ledger_entry.position"), primary_key=True, autoincrement=False
    ),
    *_bytes32("salt"),
    Column("body", Text, nullable=False),  # the canonical JSON that was committed to
)

ledger_head = Table(
    "ledger_head",
    metadata,
    Column("log", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),  # number of entries: the next position
)

# -- work, answers, counts ----------------------------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),  # recipient and identity: rows of one key run in order
    Column("other_key", Text),  # the second stream of a merge
    Column("payload", Document, nullable=False),
    Column("available_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_until", Instant),
    Column("lease_token", Text),
    Column("done_at", Instant),
    Column("dead_at", Instant),  # given up until an operator replays it
    Column("error", Text),
    sqlite_autoincrement=True,  # an id is a message id: never given twice
)
_OPEN = text("done_at IS NULL")
Index("ix_outbox_open_key", outbox.c.key, outbox.c.id, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("ix_outbox_open_other_key", outbox.c.other_key, outbox.c.id, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("ix_outbox_open_topic", outbox.c.topic, outbox.c.id, sqlite_where=_OPEN, postgresql_where=_OPEN)

idempotency = Table(
    "idempotency",
    metadata,
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    *_bytes32("digest"),  # of the request: the same key with another request is a conflict
    Column("answer", Document),
    Column("at", Instant, nullable=False),
)

nir_count = Table(
    "nir_count",
    metadata,
    Column("day", String(10), primary_key=True),  # ISO date, UTC
    Column("door", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("count", Integer, nullable=False),
)

link_count = Table(
    "link_count",  # automatic links, for the daily cap
    metadata,
    Column("authority", Text, primary_key=True),
    Column("day", String(10), primary_key=True),  # ISO date, UTC
    Column("count", Integer, nullable=False),
)
