"""A small index to act in: two hospitals, a hand-made model, a clock and ids that a test can foretell."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from matching.comparisons import COMPARISONS
from matching.decision import policy
from matching.model import Ladder, Model, Odds, Thresholds
from matching.records import RawRecord
from matching.xsi.identifiers import new_e_id
from mpi.flows import membership
from mpi.flows.identify import identify
from mpi.flows.matcher import Ids, Matcher
from mpi.flows.requests import IdentifyAnswer, IdentifyRequest, StudyRef
from mpi.ledger.entries import append
from mpi.security.actors import Actor, Role
from mpi.security.authorities import add_authority
from mpi.store.tables import assertion, decision, ledger_entry, review, source_record
from mpi.store.transaction import Database

START = datetime(2026, 11, 24, 8, tzinfo=UTC)
A, B, C = "HOPITAL-A", "HOPITAL-B", "CLINIQUE-C"

# Bits of the best and of the worst level of each comparison; those between lie on a line.
BITS = {
    "family_name": (11.0, -4.0),
    "given_names": (10.0, -6.0),
    "birth_date": (15.0, -6.0),
    "birth_place": (6.0, -3.0),
    "multiple_birth": (3.0, -8.0),
    "sex": (1.0, -5.0),
    "phone": (9.0, -0.5),
    "email": (10.0, -0.5),
    "address": (7.0, -0.5),
    "locality": (4.0, -0.5),
    "identifiers": (16.0, 0.0),
}


def hand_made_model() -> Model:
    """Every level of every comparison, with weights that a person would call plausible."""
    ladders = {}
    for comparison in COMPARISONS:
        best, worst = BITS[comparison.name]
        steps = max(1, len(comparison.levels) - 1)
        odds = {}
        for place, level in enumerate(comparison.levels):
            bits = best + (worst - best) * place / steps
            odds[level.name] = Odds(m=0.5, u=0.5 / 2**bits) if bits > 0 else Odds(m=0.5 * 2**bits, u=0.5)
        ladders[comparison.name] = Ladder(levels=odds)
    service = Thresholds(review_at=-4.2, second_person_at=6.2, link_at=16.6, margin=13.0)
    return Model(
        version="hand-made-1",
        provenance={"made": "by hand, for tests"},
        ladders=ladders,
        household_cap=24.0,
        thresholds={"service": service},
    )


def make_matcher(**changes: Any) -> Matcher:
    """A matcher with the hand-made model, policy `service` and a fixed key."""
    model = hand_made_model()
    made = Matcher(
        model=model, policy=policy("service", model), population=6_000_000, xsi_key=bytes(range(32))
    )
    return replace(made, **changes)


def counting_ids(prefix: str = "") -> Ids:
    """Ids 1, 2, 3, ... so that two runs give the same rows."""
    rows, bits = itertools.count(1), itertools.count(1)
    return Ids(
        uuid=lambda: f"{prefix}{next(rows):06}",
        identity=lambda: new_e_id(lambda number: next(bits) % 2**number),
        salt=lambda: bytes(32),
    )


def sender(*authorities: str, name: str = "sender:tests") -> Actor:
    """A machine that speaks for these authorities."""
    return Actor(actor_id=name, roles=frozenset({Role.SENDER}), authorities=frozenset(authorities))


def person(**traits: Any) -> dict[str, Any]:
    """Anne Lefèvre, born 28 February 1958 in Paris, with these traits instead of hers."""
    anne: dict[str, Any] = {
        "birth_name": "LEFEVRE",
        "family_name": "MARTIN",
        "given_names": ("ANNE", "MARIE"),
        "sex": "F",
        "birth_date": "1958-02-28",
        "birth_place": "75056",
    }
    return anne | traits


ANNE = person()
JEAN = person(
    birth_name="KERVADEC",
    family_name=None,
    given_names=("JEAN", "YVES"),
    sex="M",
    birth_date="1971-09-13",
    birth_place="29019",
)


@dataclass
class Scene:
    """An index with authorities A, B and C; every `tell` is one committed transaction, a second later."""

    db: Database
    matcher: Matcher = field(default_factory=make_matcher)
    ids: Ids = field(default_factory=counting_ids)
    now: datetime = START
    actor: Actor = field(default_factory=lambda: sender(A, B, C))

    @classmethod
    def open(cls, db: Database, **others: Any) -> Scene:
        """With three authorities declared, or `houses`; `sends_status` names those that send statuses."""
        statuses = others.pop("sends_status", ())
        houses = others.pop("houses", (A, B, C))
        with db.write() as tx:
            for name in houses:
                add_authority(tx, name=name, at=START, sends_status=name in statuses)
        return cls(db=db, **others)

    def request(
        self,
        authority: str,
        local_id: str,
        traits: dict[str, Any],
        *,
        study: str | None = None,
        **others: Any,
    ) -> IdentifyRequest:
        """One record as its sender tells it."""
        raw = RawRecord(authority=authority, local_id=local_id, **traits)
        ref = StudyRef(study_instance_uid=study) if study else None
        return IdentifyRequest(**{"actor": self.actor, "raw": raw, "door": "rest", "study": ref} | others)

    def tell(self, authority: str, local_id: str, traits: dict[str, Any], **others: Any) -> IdentifyAnswer:
        """Tells one record and commits."""
        return self.send(self.request(authority, local_id, traits, **others))

    def send(self, request: IdentifyRequest) -> IdentifyAnswer:
        """Identifies one request in a transaction of its own."""
        self.now += timedelta(seconds=1)
        with self.db.write() as tx:
            return identify(tx, request, self.matcher, at=self.now, ids=self.ids)

    def assert_by_clerk(
        self, kind: str, a: str | None = None, b: str | None = None, retracts: str = ""
    ) -> str:
        """An assertion of a person about the records of two local ids; membership folded anew."""
        self.now += timedelta(seconds=1)
        with self.db.write() as tx:
            assertion_id = self.ids.uuid()
            entry = {"entry_id": self.ids.uuid(), "actor": "user:clerk", "action": kind}
            position = append(tx, entry, at=self.now, salt=bytes(32))
            row = {
                "assertion_id": assertion_id,
                "position": position,
                "kind": kind,
                "record_a": a and record_id(tx, a),
                "record_b": b and record_id(tx, b),
                "retracts": retracts or None,
                "actor": "user:clerk",
                "manual": True,
                "at": self.now,
            }
            tx.execute(assertion.insert().values(**row))
            for identity in membership.replay(tx).identities:
                if identity.identity_id is None:
                    first, new = identity.records[0], self.ids.identity()
                    tx.execute(
                        membership.identity.insert().values(
                            identity_id=new, record_id=first, position=position, minted_at=self.now
                        )
                    )
            membership.rebuild(tx)
        return assertion_id

    def rows(self, table: Any, *conditions: Any) -> list[dict[str, Any]]:
        """Rows of a table, as dictionaries."""
        with self.db.read() as tx:
            return [dict(row) for row in tx.execute(select(table).where(*conditions)).mappings()]

    def counts(self) -> dict[str, int]:
        """How many rows stand in every table: what a call that writes nothing leaves alone."""
        with self.db.read() as tx:
            return {
                table.name: tx.execute(select(func.count()).select_from(table)).scalar_one()
                for table in ledger_entry.metadata.sorted_tables
            }

    def partition(self) -> set[frozenset[str]]:
        """The local ids of each identity."""
        with self.db.read() as tx:
            query = select(membership.membership.c.identity_id, source_record.c.local_id).join(source_record)
            by_identity: dict[str, set[str]] = {}
            for identity_id, local_id in tx.execute(query):
                by_identity.setdefault(identity_id, set()).add(local_id)
        return {frozenset(local_ids) for local_ids in by_identity.values()}

    def open_reviews(self) -> list[dict[str, Any]]:
        """Reviews that wait for a clerk, oldest first."""
        found = self.rows(review, review.c.state == "open")
        return sorted(found, key=lambda row: (row["opened_at"], row["review_id"]))

    def last_decision(self) -> dict[str, Any]:
        """The newest decision row."""
        return max(self.rows(decision), key=lambda row: row["at"])


def record_id(tx: Connection, local_id: str) -> str:
    """The source record with this local id, whatever its authority."""
    query = select(source_record.c.record_id).where(source_record.c.local_id == local_id)
    found: str = tx.execute(query).scalar_one()
    return found


Clock = Callable[[], float]
