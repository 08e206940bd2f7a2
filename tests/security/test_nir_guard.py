"""No social security number passes the guard, wherever it stands in a record; what else was told does."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from matching.nir import nir_key
from matching.records import Identifier, RawRecord
from mpi.errors import RecordedRefusal
from mpi.security.nir_guard import IDENTIFYING, SETS, TEXTS, TUPLES, NirHit, count_hits, guard, guard_text
from mpi.store.tables import nir_count

NOW = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
PERSON = RawRecord(
    authority="HOPITAL-A",
    local_id="0042",
    family_name="LEFEVRE",
    given_names=("ANNE", "MARIE"),
    sex="F",
    birth_date="1958-02-28",
    phone=("0123456789", "+33 6 12 34 56 78"),
    email=("anne@example.org",),
    attributes=frozenset({"HOMA"}),
    identifiers=(Identifier(value="778899", issuer="1.2.250.1.999.1", type="PI"),),
)


@st.composite
def nirs(draw, *, born: str = "5802", keyed: bool = True) -> str:
    """A fictitious number (order 000), its groups together or apart."""
    department = draw(st.sampled_from(["75", "2A", "2b", "97", "99"]))
    number = f"2{born}{department}056000"
    groups = [number[:1], number[1:3], number[3:5], number[5:7], number[7:10], number[10:]]
    separator = draw(st.sampled_from(["", " ", ".", "-", "\u00a0", "\u2011"]))
    text = separator.join([*groups, nir_key(number)] if keyed else groups)
    if draw(st.booleans()):
        text = text.translate({ord(digit): 0xFF10 + int(digit) for digit in "0123456789"})  # full width
    return text


AROUND = st.sampled_from(["{}", "NIR {}", "NIR{}", "tel {}, matin", "x-{}", "{}."])


@given(st.sampled_from(TEXTS), nirs(), AROUND)
def test_a_number_in_any_text_makes_that_field_unknown_and_no_other(name, nir, around) -> None:
    kept, hits = guard(replace(PERSON, **{name: around.format(nir)}))
    assert kept == replace(PERSON, **{name: None})
    assert hits == (NirHit(field=name, rule="R2"),)


@given(st.sampled_from(TUPLES), nirs(), AROUND, st.integers(0, 1))
def test_of_several_values_only_the_one_that_holds_a_number_goes(name, nir, around, place) -> None:
    values = ["first", "second"]
    values.insert(place, around.format(nir))
    kept, hits = guard(replace(PERSON, **{name: tuple(values)}))
    assert getattr(kept, name) == ("first", "second")
    assert hits == (NirHit(field=f"{name}.{place}", rule="R2"),)


@given(st.sampled_from(SETS), nirs())
def test_a_number_among_attributes_or_flags_goes(name, nir) -> None:
    kept, hits = guard(replace(PERSON, **{name: frozenset({nir, "newborn"})}))
    assert getattr(kept, name) == {"newborn"}
    assert hits == (NirHit(field=name, rule="R2"),)


@given(nirs(), st.sampled_from(["value", "issuer", "type"]))
def test_an_identifier_that_holds_a_number_anywhere_goes_as_a_whole(nir, part) -> None:
    other = replace(Identifier(value="1", issuer="X", type="PI"), **{part: nir})
    kept, hits = guard(replace(PERSON, identifiers=(*PERSON.identifiers, other)))
    assert kept == PERSON
    assert hits == (NirHit(field="identifiers.1", rule="R2"),)


@pytest.mark.parametrize(
    ("issuer", "type_"),
    [
        ("1.2.250.1.213.1.4.8", None),
        ("urn:oid:1.2.250.1.213.1.4.9", "NH"),
        ("ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.8&ISO", None),
        (None, "INS"),
        ("HOPITAL-A", "INS-NIA"),
    ],
)
def test_an_identifier_typed_as_one_goes_whatever_its_value(issuer, type_) -> None:
    other = Identifier(value="not even a number", issuer=issuer, type=type_)
    kept, hits = guard(replace(PERSON, identifiers=(other, *PERSON.identifiers)))
    assert kept == PERSON
    assert hits == (NirHit(field="identifiers.0", rule="R1"),)


@given(st.sampled_from(sorted(IDENTIFYING)), nirs(), AROUND)
def test_a_number_that_names_the_record_refuses_it_without_repeating_it(name, nir, around) -> None:
    with pytest.raises(RecordedRefusal) as raised:
        guard(replace(PERSON, **{name: around.format(nir)}))
    assert raised.value.details == {"field": name, "rule": "R2"}
    assert nir not in str(raised.value)


@given(nirs(keyed=False))
def test_without_a_key_a_number_goes_when_it_agrees_with_the_record(nir) -> None:
    kept, hits = guard(replace(PERSON, address=nir))
    assert kept.address is None
    assert hits == (NirHit(field="address", rule="R3"),)


@given(nirs(born="6111", keyed=False))
def test_without_a_key_and_without_agreement_an_identifier_is_kept_as_suspect(nir) -> None:
    told = replace(PERSON, local_id=nir, address=nir, identifiers=(Identifier(value=nir),))
    kept, hits = guard(told)
    assert kept == told
    assert hits == (NirHit(field="local_id", rule="R4"), NirHit(field="identifiers.0", rule="R4"))
    assert all(hit.suspect for hit in hits)


def test_a_number_that_was_split_at_its_spaces_into_given_names_is_found() -> None:
    number = "2580275056000"
    parts = (number[:1], number[1:3], number[3:5], number[5:7], number[7:10], number[10:], nir_key(number))
    kept, hits = guard(replace(PERSON, given_names=("ANNE", *parts)))
    assert kept == replace(PERSON, given_names=())
    assert hits == (NirHit(field="given_names", rule="R2"),)


def test_a_record_without_a_number_comes_back_as_it_is() -> None:
    assert guard(PERSON) == (PERSON, ())
    assert guard(PERSON)[0] is PERSON


def test_every_field_of_a_record_is_looked_at() -> None:
    assert {*TEXTS, *TUPLES, *SETS, *IDENTIFYING, "identifiers"} == {
        field.name for field in fields(RawRecord)
    }


@given(nirs(), AROUND)
def test_a_text_beside_the_record_is_dropped_too(nir, around) -> None:
    assert guard_text(around.format(nir), field="description") == (
        None,
        (NirHit(field="description", rule="R2"),),
    )


@pytest.mark.parametrize(
    ("told", "birth", "kept", "rules"),
    [
        (None, None, True, []),
        ("", None, True, []),
        ("CT ABDOMEN", None, True, []),
        ("2580275056000", None, True, ["R4"]),
        ("2580275056000", "19580228", False, ["R3"]),
    ],
)
def test_an_accession_number_is_an_identifier(told, birth, kept, rules) -> None:
    text, hits = guard_text(told, field="accession_number", kind="identifier", birth=birth)
    assert text == (told if kept else None)
    assert [hit.rule for hit in hits] == rules


def test_hits_are_counted_by_day_door_field_and_rule(db) -> None:
    hits = [
        NirHit(field="identifiers.0", rule="R1"),
        NirHit(field="identifiers.12", rule="R1"),
        NirHit(field="local_id", rule="R4"),
    ]
    paris = NOW.astimezone(timezone(timedelta(hours=1)))  # already tomorrow there
    with db.write() as tx:
        count_hits(tx, hits, door="rest", at=paris)
        count_hits(tx, hits[:1], door="rest", at=NOW)
        count_hits(tx, hits[2:], door="dimse", at=NOW + timedelta(days=1))
        count_hits(tx, [], door="file", at=NOW)
    with db.read() as tx:
        rows = [tuple(row) for row in tx.execute(select(nir_count).order_by(*nir_count.primary_key))]
    assert rows == [
        ("2026-11-24", "rest", "identifiers", "R1", 3),
        ("2026-11-24", "rest", "local_id", "R4", 1),
        ("2026-11-25", "dimse", "local_id", "R4", 1),
    ]
