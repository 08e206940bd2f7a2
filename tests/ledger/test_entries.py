"""A ledger entry is canonical, committed to with a salt, and has the next position."""

from __future__ import annotations

import hashlib
import json
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, text, update

from mpi.ledger.entries import LOG, append, canonical, check, commitment, millibits
from mpi.store.tables import ledger_body, ledger_entry, ledger_head
from mpi.store.transaction import Database, Refused
from tests.support.databases import url_of

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SALT = bytes(range(32))


def entry(number: int = 0, **others: object) -> dict[str, object]:
    return {"entry_id": f"e{number}", "actor": "sender:pacs", "action": "identify", **others}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [None, True, "x"]}, b'{"a":[null,true,"x"],"b":1}'),  # keys in order, no spaces
        (
            {"\ue000": 1, "\r": 2, "\U0001f600": 3},
            '{"\\r":2,"\U0001f600":3,"\ue000":1}'.encode(),
        ),  # order of UTF-16 units (RFC 8785, 3.2.3)
        ("e\u0301", '"\u00e9"'.encode()),  # NFC
        ({"e\u0301": 1}, '{"\u00e9":1}'.encode()),
        ("a\x00\x1f\u2028", '"a\\u0000\\u001f\u2028"'.encode()),
        (2**53 - 1, b"9007199254740991"),
        (2**53, b'"9007199254740992"'),
        (-(2**63), b'"-9223372036854775808"'),
        ((1, 2), b"[1,2]"),
        (datetime(2026, 11, 24, 9, 0, tzinfo=timezone(timedelta(hours=1))), b'"2026-11-24T08:00:00.000000Z"'),
    ],
)
def test_plain_data_has_one_canonical_form(value, expected) -> None:
    assert canonical(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        0.1,
        float("nan"),
        {"weight": 1.5},
        [2.0],
        b"bytes",
        {1: "key"},
        {"\u00e9": 1, "e\u0301": 2},
        {1, 2},
        Ellipsis,
    ],
    ids=repr,
)
def test_what_has_no_canonical_form_is_refused(value) -> None:
    with pytest.raises(ValueError, match="ledger entry"):
        canonical(value)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abc\u00e9\u20ac", max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(PLAIN)
def test_canonical_bytes_are_a_fixed_point(value) -> None:
    once = canonical(value)
    assert canonical(json.loads(once)) == once


@pytest.mark.parametrize(
    ("bits", "thousandths"),
    [(16.6, 16600), (-22.516, -22516), (0.0004, 0), (None, None), (-0.0006, -1)],
)
def test_weights_are_whole_thousandths_of_a_bit(bits, thousandths) -> None:
    assert millibits(bits) == thousandths


def test_an_entry_is_committed_to_with_its_salt_place_and_time(db) -> None:
    with db.write() as tx:
        assert append(tx, entry(reason={"code": "duplicate", "text": "e\u0301"}), at=NOW, salt=SALT) == 0
        assert append(tx, entry(1), at=NOW, salt=bytes(32)) == 1, "two in one transaction"
    with db.write() as tx:
        assert append(tx, entry(2), at=NOW, salt=SALT) == 2
    with db.read() as tx:
        row = tx.execute(select(ledger_entry).where(ledger_entry.c.position == 0)).one()
        body = tx.execute(select(ledger_body).where(ledger_body.c.position == 0)).one()
        assert list(check(tx)) == []
    assert json.loads(body.body) == {
        "entry_id": "e0",
        "actor": "sender:pacs",
        "action": "identify",
        "reason": {"code": "duplicate", "text": "\u00e9"},
        "format": "mpi-ledger-1",
        "position": 0,
        "at": "2026-11-24T08:00:00.000000Z",
    }
    assert body.salt == SALT
    assert row.commitment == hashlib.sha256(SALT + body.body.encode()).digest()
    assert (row.entry_id, row.at) == ("e0", NOW)


def test_a_transaction_that_fails_leaves_no_gap(db) -> None:
    def fail(tx) -> None:
        append(tx, entry(), at=NOW, salt=SALT)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.run_write(fail)
    with db.write() as tx:
        assert append(tx, entry(), at=NOW, salt=SALT) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"actor": None},
        {"action": ""},
        {"entry_id": None},
        {"surprise": 1},
        {"position": 7},
        {"at": "now"},
        {"evidence": [{"weight": 0.5}]},
    ],
    ids=str,
)
def test_an_entry_of_another_shape_is_refused_before_anything_is_written(db, wrong) -> None:
    with pytest.raises(ValueError, match="ledger entry"), db.write() as tx:
        append(tx, entry(**wrong), at=NOW, salt=SALT)
    with db.read() as tx:
        assert tx.execute(select(ledger_head.c.size).where(ledger_head.c.log == LOG)).scalar_one() == 0


def test_a_short_salt_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        commitment(salt=b"short", body=b"{}")


def test_writers_at_once_get_consecutive_positions(db) -> None:
    other = Database.open(url_of(db))
    got: list[int] = []

    def write(database: Database, first: int) -> None:
        for number in range(first, first + 20):
            got.append(database.run_write(lambda tx, n=number: append(tx, entry(n), at=NOW, salt=SALT)))

    threads = [
        threading.Thread(target=write, args=(database, first))
        for database, first in ((db, 0), (db, 100), (other, 200), (other, 300))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    other.close()
    assert sorted(got) == list(range(80))
    with db.read() as tx:
        assert list(check(tx)) == []


def _guards_off(db: Database, tx) -> None:
    if db.dialect == "postgresql":
        tx.execute(text("SET LOCAL session_replication_role = replica"))
        return
    for name in tx.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
        tx.execute(text(f"DROP TRIGGER {name}"))


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (update(ledger_body).where(ledger_body.c.position == 1).values(body="{}"), "position 1 is not what"),
        (
            update(ledger_body).where(ledger_body.c.position == 1).values(salt=bytes(32)),
            "position 1 is not what",
        ),
        (
            update(ledger_entry).where(ledger_entry.c.position == 1).values(commitment=bytes(32)),
            "position 1 is not what",
        ),
        (ledger_entry.delete().where(ledger_entry.c.position == 1), "no entry at position 1"),
        (ledger_entry.delete().where(ledger_entry.c.position == 2), "head says 3 entries"),
        (
            insert(ledger_entry).values(position=7, entry_id="x", commitment=bytes(32), at=NOW),
            "at position 3",
        ),
        (update(ledger_head).values(size=9), "head says 9 entries"),
    ],
    ids=["body", "salt", "commitment", "gap", "last entry gone", "entry smuggled in", "head"],
)
def test_tampering_is_named_with_its_position(sqlite_db, tamper, said) -> None:
    with sqlite_db.write() as tx:
        for number in range(3):
            append(tx, entry(number), at=NOW, salt=SALT)
    with sqlite_db.write() as tx:
        _guards_off(sqlite_db, tx)
        tx.execute(
            text("DELETE FROM ledger_body WHERE position IN (1, 2)") if "DELETE" in str(tamper) else tamper
        )
        if "DELETE" in str(tamper):
            tx.execute(tamper)
    with sqlite_db.read() as tx:
        assert any(said in line for line in check(tx))


def test_an_erased_body_leaves_a_log_without_a_fault(db) -> None:
    with db.write() as tx:
        append(tx, entry(), at=NOW, salt=SALT)
    with db.write() as tx:
        tx.execute(ledger_body.delete())
    with db.read() as tx:
        assert list(check(tx)) == []


def test_an_entry_id_is_used_once(db) -> None:
    with db.write() as tx:
        append(tx, entry(), at=NOW, salt=SALT)
    with pytest.raises(Exception, match="first") as raised, db.write() as tx:
        append(tx, entry(), at=NOW, salt=SALT)
    assert not isinstance(raised.value, Refused)
