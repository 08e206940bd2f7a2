"""How long `identify` takes in process, for a new person and for a known one, with and without its commit.

The index is filled with the French population of `matching.population`, written straight into the tables
(one identity a record), so that filling does not dominate. New people come from the same generation and
have no record in the index. Peers, same run and same file system:

- recordlinkage 0.16, blocking one record against all on birth date or family name and comparing five
traits with its own comparators; it stores nothing; - naive SQL: the same record found by equality of
birth date or family name in one indexed table, stored with one commit; the floor that durability alone
costs; - a bare SELECT by (authority, local id) on the same connection, for the known record.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import recordlinkage
from sqlalchemy import insert

from benchmarks import Row
from matching.decision import policy
from matching.model import Model
from matching.normalise import normalise
from matching.population import generate, raw_records
from matching.records import RawRecord
from mpi.flows.candidates import keys_of
from mpi.flows.identify import identify
from mpi.flows.matcher import CODE_VERSION, Ids, Matcher
from mpi.flows.requests import IdentifyRequest
from mpi.flows.told import as_document, told_digest
from mpi.security.actors import Actor, Role
from mpi.security.authorities import add_authority
from mpi.store.tables import (
    blocking_key,
    decision,
    identity,
    membership,
    record_version,
    source_record,
)
from mpi.store.transaction import Database

SIZES = (1_000, 10_000, 100_000)
MEASURED_AT = 10_000
ASKED = 300  # new people, and known ones, timed at each size
SPARE = 3 * ASKED  # further records drawn, among which new people are looked for
AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
AT_ONCE = 5_000  # records written by one statement
WARM_UP = 10
SEED = 11


def run() -> list[Row]:
    """New and known at 10,000 records beside the peers; growth from 1,000 to 100,000."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = {size: people(size) for size in SIZES}
        indexes = {size: Index(Path(folder) / f"{size}.db", drawn[size][0]) for size in SIZES}
        new: dict[int, list[Took]] = {size: [] for size in SIZES}
        for turn in range(min(len(strangers) for _, strangers in drawn.values())):
            for size, index in indexes.items():  # in turn, so that all meet the same disturbances
                new[size].append(index.ask(drawn[size][1][turn]))
        rows = beside_peers(Path(folder), indexes[MEASURED_AT], *drawn[MEASURED_AT], new[MEASURED_AT])
        for index in indexes.values():
            index.close()
    first, last = flow_ms(new[SIZES[0]]), flow_ms(new[SIZES[-1]])
    return [
        *rows,
        Row(
            benchmark="identify: growth, new person",
            load=f"{SIZES[-1]:,} records",
            ours=last,
            peer=first,
            peer_name=f"ourselves at {SIZES[0]:,} records, in turn",
            unit="ms",
            ratio=last / first,
            goal="at most 1.5",
        ),
    ]


def beside_peers(
    folder: Path,
    index: Index,
    indexed: Sequence[RawRecord],
    strangers: Sequence[RawRecord],
    new: Sequence[Took],
) -> list[Row]:
    """The rows at MEASURED_AT records."""
    load = f"{len(indexed):,} records, p50 of {len(new)}"
    again = indexed[: 2 * ASKED : 2]
    linkage = median_ms(linear_comparison(indexed), strangers[:50])
    known = flow_ms([index.ask(raw) for raw in again])
    naive = NaiveSql(folder / "naive.db", indexed)
    plain = median_ms(naive.add, strangers)
    bare = median_ms(index.bare_select, again)
    naive.close()
    ours, whole = flow_ms(new), whole_ms(new)
    return [
        Row(benchmark="identify: new person", load=load, ours=ours, peer=linkage, ratio=linkage / ours,
            peer_name="recordlinkage, stores nothing: faster by", unit="ms", goal="p50 at most 3 ms"),
        Row(benchmark="identify: new person, begin and commit too", load=load, ours=whole, peer=plain,
            ratio=whole / plain, peer_name="naive SQL with its commit: slower by", unit="ms"),
        Row(benchmark="identify: known record", load=load, ours=known, peer=bare, ratio=known / bare,
            peer_name="bare indexed SELECT: slower by", unit="ms", goal="p50 at most 0.5 ms"),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds of one call: of the flow in its open transaction, and with begin and commit."""

    flow: float
    whole: float


def flow_ms(took: Sequence[Took]) -> float:
    """Median of the flow alone; the first ten warm up and are not counted."""
    return statistics.median(one.flow for one in took[WARM_UP:])


def whole_ms(took: Sequence[Took]) -> float:
    """Median with begin and commit."""
    return statistics.median(one.whole for one in took[WARM_UP:])


def people(size: int) -> tuple[list[RawRecord], list[RawRecord]]:
    """(records for the index, records of people who are not in it)."""
    columns = generate(size + SPARE, seed=SEED)
    told = list(raw_records(columns))
    entities = list(columns["entity_id"])
    inside = set(entities[:size])
    strangers, met = [], set(inside)
    for raw, entity in zip(told[size:], entities[size:], strict=True):
        if entity not in met:
            met.add(entity)
            strangers.append(raw)
    return told[:size], strangers[:ASKED]


def median_ms(call: Callable[[RawRecord], object], records: Iterable[RawRecord]) -> float:
    """The median time of one call of a peer, in milliseconds, after as long a warm-up."""
    times = []
    for record in records:
        started = time.perf_counter()
        call(record)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[WARM_UP:])


class Index:
    """A SQLite index of so many records, and a sender that may speak for all of them."""

    def __init__(self, path: Path, records: Sequence[RawRecord]) -> None:
        self.db = Database.open(f"sqlite:///{path}")
        self.db.upgrade()
        model = Model.load()
        self.matcher = Matcher(
            model=model, policy=policy("service", model), population=6_000_000, xsi_key=bytes(32)
        )
        self.ids = Ids.system()
        self._names = frozenset(record.authority for record in records) | {f"SITE-{n:02}" for n in range(13)}
        self._sender = Actor(actor_id="sender:bench", roles=frozenset({Role.SENDER}), authorities=self._names)
        with self.db.write() as tx:
            for name in sorted(self._names):
                add_authority(tx, name=name, at=AT)
            for start in range(0, len(records), AT_ONCE):
                for table, rows in filled(records[start : start + AT_ONCE], start, self.ids).items():
                    tx.execute(insert(table), rows)
            tx.exec_driver_sql("ANALYZE")
        self._bare = self.db.engine.raw_connection()

    def ask(self, raw: RawRecord) -> Took:
        """One record told, committed."""
        request = IdentifyRequest(actor=self._sender, raw=raw, door="rest")
        begun = time.perf_counter()
        with self.db.write() as tx:
            started = time.perf_counter()
            identify(tx, request, self.matcher, at=AT, ids=self.ids)
            answered = time.perf_counter()
        return Took(flow=(answered - started) * 1000, whole=(time.perf_counter() - begun) * 1000)

    def bare_select(self, raw: RawRecord) -> None:
        """The record's row and nothing else, without any layer of ours."""
        self._bare.cursor().execute(
            "SELECT record_id, digest FROM source_record WHERE authority = ? AND local_id = ?",
            (raw.authority, raw.local_id),
        ).fetchall()

    def close(self) -> None:
        """Lets go of the file."""
        self._bare.close()
        self.db.close()


def filled(records: Sequence[RawRecord], start: int, ids: Ids) -> dict[Any, list[dict[str, Any]]]:
    """Rows by table, one identity a record."""
    rows: dict[Any, list[dict[str, Any]]] = {
        table: [] for table in (source_record, record_version, blocking_key, identity, membership, decision)
    }
    for place, raw in enumerate(records):
        record_id, e_id, document = ids.uuid(), ids.identity(), as_document(raw)
        digest = told_digest(document)
        rows[source_record].append(
            {"record_id": record_id, "authority": raw.authority, "local_id": raw.local_id, "version": 1,
             "digest": digest, "e_id": e_id, "unidentified": False, "created_at": AT}
        )  # fmt: skip
        rows[record_version].append(
            {"record_id": record_id, "version": 1, "raw": document, "digest": digest, "told_at": AT,
             "sender": "sender:bench", "disputed": False}
        )  # fmt: skip
        rows[blocking_key] += [
            {"key_hash": hashed, "record_id": record_id, "rule": key.rule}
            for hashed, key in keys_of(normalise(raw))
        ]
        rows[identity].append(
            {"identity_id": e_id, "record_id": record_id, "position": start + place, "minted_at": AT}
        )
        rows[membership].append({"record_id": record_id, "identity_id": e_id})
        rows[decision].append(
            {"decision_id": ids.uuid(), "record_id": record_id, "version": 1, "outcome": "new",
             "identity_id": e_id, "model": "none", "policy": "service", "evidence": {}, "candidates": {},
             "keys": {}, "reasons": [], "at": AT, "actor": f"bench:{CODE_VERSION}"}
        )  # fmt: skip
    return rows


def _frame(records: Iterable[RawRecord]) -> pd.DataFrame:
    return pd.DataFrame(_flat(record) for record in records)


def _flat(record: RawRecord) -> dict[str, str]:
    return {
        "family": record.birth_name or record.family_name or "",
        "given": " ".join(record.given_names),
        "born": record.birth_date or "",
        "place": record.birth_place or "",
        "sex": record.sex or "",
    }


def linear_comparison(records: Sequence[RawRecord]) -> Callable[[RawRecord], object]:
    """recordlinkage on one record against all: its Index and its Compare."""
    everybody = _frame(records)
    indexer = recordlinkage.Index()
    indexer.block("born")
    indexer.block("family")
    compare = recordlinkage.Compare()
    compare.string("family", "family", method="jarowinkler")
    compare.string("given", "given", method="jarowinkler")
    for name in ("born", "place", "sex"):
        compare.exact(name, name)

    def ask(record: RawRecord) -> pd.DataFrame:
        one = _frame([record])
        found: pd.DataFrame = compare.compute(indexer.index(one, everybody), one, everybody)
        return found

    return ask


class NaiveSql:
    """One table, two indexes, equality only; one commit a record, as durable as ours."""

    def __init__(self, path: Path, records: Sequence[RawRecord]) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=truncate")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE person (family, given, born, place, sex)")
        self._connection.execute("CREATE INDEX by_born ON person (born)")
        self._connection.execute("CREATE INDEX by_family ON person (family)")
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT INTO person VALUES (?, ?, ?, ?, ?)", self._rows(records))
        self._connection.execute("COMMIT")

    def add(self, record: RawRecord) -> None:
        """Finds whoever has the birth date or the family name, then stores the record."""
        values = _flat(record)
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute(
            "SELECT * FROM person WHERE born = ? OR family = ?", (values["born"], values["family"])
        ).fetchall()
        self._connection.executemany("INSERT INTO person VALUES (?, ?, ?, ?, ?)", self._rows([record]))
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()

    @staticmethod
    def _rows(records: Iterable[RawRecord]) -> Iterator[tuple[str, ...]]:
        return (tuple(_flat(record).values()) for record in records)
