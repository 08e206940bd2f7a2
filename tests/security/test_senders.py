"""A machine is known by a key of which only a hash is kept, and speaks for its own authorities alone."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from matching.nir import nir_key
from mpi.errors import Conflict, NotAllowed, NotAuthenticated, NotFound, Unprocessable
from mpi.security.actors import Actor, Role
from mpi.security.authorities import (
    Authority,
    add_authority,
    authority_by_label,
    authority_by_name,
    authority_by_oid,
    find_authority,
    list_authorities,
)
from mpi.security.senders import (
    add_sender,
    authenticate,
    end_of_rotated_key,
    list_senders,
    revoke,
    rotate_key,
    sender_of_ae,
)
from mpi.store.tables import sender as table
from mpi.store.transaction import Database

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
OID = "1.2.250.1.999.1"
SHORT_NIR = "2580275056000"  # nobody's: order number 000


@pytest.fixture
def key(db) -> str:
    with db.write() as tx:
        add_authority(tx, name="HOPITAL-A", oid=OID, label="Hôpital A", sends_status=True, at=NOW)
        add_authority(tx, name="HOPITAL-B", at=NOW)
        return add_sender(tx, name="pacs-a", authorities=["HOPITAL-A"], ae_title="PACS_A", at=NOW)


def known(db: Database, presented: str, *, at: datetime = NOW) -> Actor | None:
    try:
        return authenticate(db, presented, at=at)
    except NotAuthenticated:
        return None


def test_a_key_names_its_sender_with_roles_and_authorities(db, key) -> None:
    assert known(db, key) == Actor(
        actor_id="sender:pacs-a", roles=frozenset({Role.SENDER}), authorities=frozenset({"HOPITAL-A"})
    )


def test_a_sender_speaks_for_its_own_authorities_alone(db, key) -> None:
    actor = known(db, key)
    actor.require_authority("HOPITAL-A")
    with pytest.raises(NotAllowed):
        actor.require_authority("HOPITAL-B")


def test_of_a_key_only_a_prefix_and_a_hash_are_kept(db, key) -> None:
    prefix, secret = re.fullmatch(r"mpi_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", key).groups()
    with db.read() as tx:
        row = tx.execute(select(table)).mappings().one()
    assert row["key_prefix"] == prefix
    assert row["key_sha256"] == hashlib.sha256(secret.encode()).digest()
    assert secret not in str(dict(row))


def test_two_keys_differ_in_every_part(db, key) -> None:
    with db.write() as tx:
        other = add_sender(tx, name="pacs-b", authorities=[], at=NOW)
    assert not set(key.split("_", 2)[1:]) & set(other.split("_", 2)[1:])


@pytest.mark.parametrize(
    "change",
    [
        lambda key: "",
        lambda key: "mpi_",
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: key + "A",
        lambda key: key[:4] + "0" * 12 + key[16:],
        lambda key: key.upper(),
        lambda key: f" {key}",
        lambda key: key.replace("_", "\x00"),
        lambda key: "mpi_" + "é" * 56,
        lambda key: "a" * 100_000,
    ],
)
def test_any_other_key_is_nobody(db, key, change) -> None:
    assert known(db, change(key)) is None


def test_a_key_expires(db) -> None:
    with db.write() as tx:
        key = add_sender(tx, name="trial", authorities=[], at=NOW, expires_at=NOW + timedelta(days=1))
    assert known(db, key, at=NOW + timedelta(days=1, microseconds=-1)) is not None
    assert known(db, key, at=NOW + timedelta(days=1)) is None


def test_a_rotated_key_replaces_the_old_one(db, key) -> None:
    with db.write() as tx:
        new = rotate_key(tx, name="pacs-a")
    assert known(db, key) is None
    assert known(db, new).authorities == {"HOPITAL-A"}


def test_a_revoked_sender_is_nobody_and_frees_its_ae_title(db, key) -> None:
    with db.write() as tx:
        assert sender_of_ae(tx, "PACS_A ").actor_id == "sender:pacs-a"
        revoke(tx, name="pacs-a", at=NOW)
        revoke(tx, name="pacs-a", at=NOW + timedelta(days=1))
    assert known(db, key) is None
    with db.write() as tx:
        assert sender_of_ae(tx, "PACS_A") is None
        with pytest.raises(Conflict):
            rotate_key(tx, name="pacs-a")
        with pytest.raises(Conflict):
            add_sender(tx, name="pacs-a", authorities=[], at=NOW)
        add_sender(tx, name="pacs-new", authorities=[], ae_title="PACS_A", at=NOW)
        old, new = list_senders(tx)
    assert (old.name, old.revoked_at, old.authorities) == ("pacs-a", NOW, ("HOPITAL-A",))
    assert (new.name, new.revoked_at, new.roles) == ("pacs-new", None, (Role.SENDER,))


def test_an_undeclared_ae_title_is_nobody(db, key) -> None:
    with db.read() as tx:
        assert sender_of_ae(tx, "MODALITY") is None
        assert sender_of_ae(tx, "") is None


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": ""}, Unprocessable),
        ({"name": "a b"}, Unprocessable),
        ({"name": "x" * 65}, Unprocessable),
        ({"name": "pacs-a"}, Conflict),
        ({"ae_title": "PACS_A"}, Conflict),
        ({"ae_title": ""}, Unprocessable),
        ({"ae_title": "SEVENTEEN_LETTERS"}, Unprocessable),
        ({"ae_title": "BACK\\SLASH"}, Unprocessable),
        ({"authorities": ["HOPITAL-A", "NOWHERE"]}, NotFound),
    ],
    ids=str,
)
def test_a_sender_of_the_wrong_form_is_refused(db, key, fields, error) -> None:
    with pytest.raises(error), db.write() as tx:
        add_sender(tx, **{"name": "new", "authorities": [], "at": NOW, **fields})


@pytest.mark.parametrize("field", ["name", "label"])
@pytest.mark.parametrize("shape", ["{}", "HOPITAL {}", "{}-A"])
def test_an_authority_is_not_called_by_a_social_security_number(db, field, shape) -> None:
    number = SHORT_NIR + nir_key(SHORT_NIR)
    with pytest.raises(Unprocessable) as raised, db.write() as tx:
        add_authority(tx, **{"name": "NEW", "at": NOW, field: shape.format(number)})
    assert raised.value.details == {"field": field, "rule": "R2"}
    assert number not in str(raised.value)


@pytest.mark.parametrize("field", ["name", "ae_title"])
def test_a_sender_is_not_called_by_a_social_security_number(db, field) -> None:
    number = SHORT_NIR + nir_key(SHORT_NIR)
    with pytest.raises(Unprocessable) as raised, db.write() as tx:
        add_sender(tx, **{"name": "new", "authorities": [], "at": NOW, field: number})
    assert raised.value.details == {"field": field, "rule": "R2"}
    assert number not in str(raised.value)


def test_a_rotated_key_keeps_its_end_unless_told(db) -> None:
    end, later = NOW + timedelta(days=1), NOW + timedelta(days=2)
    with db.write() as tx:
        add_sender(tx, name="trial", authorities=[], at=NOW, expires_at=end)
        rotate_key(tx, name="trial")
        assert [one.expires_at for one in list_senders(tx)] == [end]
        assert end_of_rotated_key(tx, name="trial", at=NOW) == end
        rotate_key(tx, name="trial", expires_at=later)
        assert [one.expires_at for one in list_senders(tx)] == [later]
        assert end_of_rotated_key(tx, name="trial", at=NOW, told=end) == end


def test_no_key_is_made_that_has_ended_already(db) -> None:
    end = NOW + timedelta(days=1)
    with db.write() as tx:
        add_sender(tx, name="trial", authorities=[], at=NOW, expires_at=end)
        with pytest.raises(Unprocessable, match="past"):
            add_sender(tx, name="late", authorities=[], at=NOW, expires_at=NOW)
        with pytest.raises(Unprocessable, match="past"):
            end_of_rotated_key(tx, name="trial", at=NOW, told=NOW)
        with pytest.raises(Unprocessable, match="past"):  # its own: name a new one
            end_of_rotated_key(tx, name="trial", at=end)
        assert end_of_rotated_key(tx, name="trial", at=end, told=end + timedelta(days=1)) > end
        with pytest.raises(NotFound):
            end_of_rotated_key(tx, name="nobody", at=NOW)


@pytest.mark.parametrize("act", [rotate_key, lambda tx, name: revoke(tx, name=name, at=NOW)])
def test_an_unknown_sender_is_not_found(db, act) -> None:
    with pytest.raises(NotFound), db.write() as tx:
        act(tx, name="nobody")


def test_the_last_use_is_noted_once_a_minute(db, key) -> None:
    noted = []
    for seconds in (0, 1, 59, 60, 61, 125):
        authenticate(db, key, at=NOW + timedelta(seconds=seconds))
        with db.read() as tx:
            noted.append((tx.execute(select(table.c.last_used_at)).scalar_one() - NOW).seconds)
    assert noted == [0, 0, 0, 60, 60, 125]


def test_a_use_that_cannot_be_noted_now_does_not_lock_the_sender_out(sqlite_db, monkeypatch) -> None:
    with sqlite_db.write() as tx:
        key = add_sender(tx, name="pacs-a", authorities=[], at=NOW)
    monkeypatch.setattr("mpi.store.engine.BUSY_TIMEOUT", 0.05)
    with sqlite_db.write():
        assert authenticate(sqlite_db, key, at=NOW).actor_id == "sender:pacs-a"


def test_an_authority_is_found_by_name_oid_and_label(db, key) -> None:
    wanted = Authority(name="HOPITAL-A", label="Hôpital A", oid=OID, sends_status=True)
    with db.read() as tx:
        assert authority_by_name(tx, "HOPITAL-A") == wanted
        assert authority_by_oid(tx, OID) == authority_by_oid(tx, f"urn:oid:{OID}") == wanted
        assert authority_by_label(tx, "Hôpital A") == wanted
        assert find_authority(tx, "HOPITAL-A") == find_authority(tx, OID) == wanted
        assert find_authority(tx, "NOWHERE") is None
        assert [one.name for one in list_authorities(tx)] == ["HOPITAL-A", "HOPITAL-B"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": ""}, Unprocessable),
        ({"name": " padded"}, Unprocessable),
        ({"name": "a^b"}, Unprocessable),
        ({"name": "line\nbreak"}, Unprocessable),
        ({"name": "x" * 65}, Unprocessable),
        ({"label": "back\\slash"}, Unprocessable),
        ({"oid": "HOPITAL"}, Unprocessable),
        ({"oid": "1.2.03"}, Unprocessable),
        ({"oid": "1." + "2" * 63}, Unprocessable),
        ({"oid": "1.2.250.1.213.1.4.8"}, Unprocessable),  # the social security numbers' own
        ({"name": "HOPITAL-A"}, Conflict),
        ({"oid": OID}, Conflict),
        ({"label": "Hôpital A"}, Conflict),
    ],
    ids=str,
)
def test_an_authority_of_the_wrong_form_or_already_there_is_refused(db, key, fields, error) -> None:
    with pytest.raises(error), db.write() as tx:
        add_authority(tx, **{"name": "NEW", "at": NOW, **fields})


def test_random_bytes_come_from_outside_so_that_a_run_can_be_repeated(db) -> None:
    with db.write() as tx:
        key = add_sender(tx, name="a", authorities=[], at=NOW, random_bytes=lambda size: bytes(size))
        assert key == "mpi_000000000000_" + "A" * 43
        assert (
            tx.execute(text("SELECT sender_id FROM sender")).scalar_one()
            == "00000000-0000-4000-8000-000000000000"
        )
