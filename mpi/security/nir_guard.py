"""Keeps social security numbers (NIR) out: drops them field by field, says where and why, counts them.

The policy is `no-nir`: what R1, R2 or R3 find is never stored, logged, hashed or echoed; what R4 finds is
kept and counted as suspect. The rules are those of `matching.nir`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from matching.nir import find_nir, is_typed_ins
from matching.records import Identifier, RawRecord
from mpi.errors import RecordedRefusal
from mpi.store.tables import nir_count

SUSPECT = "R4"
TEXTS = (
    "family_name",
    "birth_name",
    "used_given_name",
    "sex",
    "birth_date",
    "birth_place",
    "address",
    "postal_code",
    "city",
    "country",
    "multiple_birth",
    "death_date",
    "status",
)
TUPLES = ("given_names", "phone", "email")
SETS = ("attributes", "flags")
IDENTIFYING = {"authority": "text", "local_id": "identifier"}  # a record cannot do without these

_PLACE_IN_LIST = re.compile(r"\.\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class NirHit:
    """Where a number was found (field path) and by which rule (R1 to R4); never the value."""

    field: str
    rule: str

    @property
    def suspect(self) -> bool:
        """True for R4: the value was kept."""
        return self.rule == SUSPECT


@dataclass(frozen=True, slots=True)
class _Search:
    """What is known of the record that a text came with: a number without a valid key must agree with it."""

    birth: str | None
    sex: str | None

    def rule(self, value: str, kind: Literal["text", "identifier"] = "text") -> str | None:
        found = find_nir(value, kind=kind, birth=self.birth, sex=self.sex)
        return found.rule if found else None


def guard(raw: RawRecord) -> tuple[RawRecord, tuple[NirHit, ...]]:
    """The record without any NIR, and what was found; the same object when nothing was.

    A field that holds one becomes unknown; of several phones, e-mails or given names only the one that
    holds it goes; an identifier goes as a whole. Hits of rule R4 are suspects: their values are still
    there. Raises RecordedRefusal (details `field` and `rule`) when the local id or the authority is one:
    the caller counts it in the transaction that this error commits.
    """
    search = _Search(raw.birth_date, raw.sex)
    hits: list[NirHit] = []
    kept: dict[str, object] = {}
    for name, kind in IDENTIFYING.items():
        rule = search.rule(getattr(raw, name), "identifier" if kind == "identifier" else "text")
        if rule == SUSPECT:
            hits.append(NirHit(field=name, rule=rule))
        elif rule:
            raise RecordedRefusal("A social security number is not taken here.", field=name, rule=rule)
    for name in TEXTS:
        value = getattr(raw, name)
        if value is not None and (rule := search.rule(value)):
            kept[name] = None
            hits.append(NirHit(field=name, rule=rule))
    for name in TUPLES:
        values = _listed(name, getattr(raw, name), search, hits)
        if values != getattr(raw, name):
            kept[name] = values
    for name in SETS:
        refused = {value: rule for value in getattr(raw, name) if (rule := search.rule(value))}
        if refused:
            kept[name] = getattr(raw, name).difference(refused)
            hits.extend(NirHit(field=name, rule=rule) for rule in sorted(refused.values()))
    identifiers = _identifiers(raw.identifiers, search, hits)
    if identifiers != raw.identifiers:
        kept["identifiers"] = identifiers
    return (replace(raw, **kept) if kept else raw), tuple(hits)  # type: ignore[arg-type]


def guard_text(
    value: str | None,
    *,
    field: str,
    kind: Literal["text", "identifier"] = "text",
    birth: str | None = None,
    sex: str | None = None,
) -> tuple[str | None, tuple[NirHit, ...]]:
    """One text beside a record (a description, an accession number); None in place of one that holds a NIR.

    `birth` and `sex` are those of the record that it came with, None when unknown.
    """
    rule = _Search(birth, sex).rule(value, kind) if value else None
    if rule is None:
        return value, ()
    return (value if rule == SUSPECT else None), (NirHit(field=field, rule=rule),)


def count_hits(tx: Connection, hits: Iterable[NirHit], *, door: str, at: datetime) -> None:
    """Adds to the count of the day (UTC), door, field and rule; places in a list are counted together.

    On PostgreSQL the counters stay locked until the transaction ends: call it after every other lock but the
    ledger's head.
    """
    day = at.astimezone(UTC).date().isoformat()
    counts = Counter((_PLACE_IN_LIST.sub("", hit.field), hit.rule) for hit in hits)
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    for (field, rule), number in sorted(counts.items()):
        row = insert(nir_count).values(day=day, door=door, field=field, rule=rule, count=number)
        tx.execute(
            row.on_conflict_do_update(
                index_elements=["day", "door", "field", "rule"],
                set_={"count": nir_count.c["count"] + number},
            )
        )


def _listed(name: str, values: tuple[str, ...], search: _Search, hits: list[NirHit]) -> tuple[str, ...]:
    kept = []
    for place, value in enumerate(values):
        if rule := search.rule(value):
            hits.append(NirHit(field=f"{name}.{place}", rule=rule))
        else:
            kept.append(value)
    if len(kept) > 1 and (rule := search.rule(" ".join(kept))):  # split at its spaces on the way in
        hits.append(NirHit(field=name, rule=rule))
        return ()
    return tuple(kept)


def _identifiers(
    identifiers: tuple[Identifier, ...], search: _Search, hits: list[NirHit]
) -> tuple[Identifier, ...]:
    kept = []
    for place, identifier in enumerate(identifiers):
        rule = _identifier_rule(identifier, search)
        if rule:
            hits.append(NirHit(field=f"identifiers.{place}", rule=rule))
        if rule is None or rule == SUSPECT:
            kept.append(identifier)
    return tuple(kept)


def _identifier_rule(identifier: Identifier, search: _Search) -> str | None:
    if is_typed_ins(identifier.issuer, identifier.type):
        return "R1"
    for told in (identifier.issuer, identifier.type):
        if told and (rule := search.rule(told)):
            return rule
    return search.rule(identifier.value, "identifier")
