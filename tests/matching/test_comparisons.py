"""Each pair of values reaches the level that a registrar would name, in either order."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.comparisons import COMPARISONS, NOT_COMPARED, Compared, compare
from matching.comparisons.ladder import Ladder, Level
from matching.normalise import normalise
from matching.records import Identifier, RawRecord, Record

LADDERS = {comparison.name: comparison for comparison in COMPARISONS}


def record(**traits: Any) -> Record:
    return normalise(RawRecord(**traits))


def compared(comparison: str, a: dict[str, Any], b: dict[str, Any]) -> Compared:
    """The answer for two raw records, checked to be the same in the other order."""
    one, other = record(**a), record(**b)
    answer = LADDERS[comparison].compare(one, other)
    assert answer == LADDERS[comparison].compare(other, one)
    return answer


@pytest.mark.parametrize(
    ("a", "b", "level", "why"),
    [
        ("1958-02-28", "19580228", "exact", "the same day"),
        ("1958-03-01", "1958-03-01", "exact_first_of_month", "a completed date has it too"),
        ("1958-01-01", "1958-01-01", "exact_weak", "registries fill it in"),
        ("1958-12-31", "1958-12-31", "exact_weak", "never full agreement"),
        ("1958-03-04", "1958-04-03", "swapped", "day and month exchanged"),
        ("1958-03-04", "1958-03-05", "near", "the next day"),
        ("1958-03-04", "1959-03-04", "near", "the next year"),
        ("1958-03-04", "1958-04-04", "near", "the next month"),
        ("1958-03-31", "1958-04-01", "near", "the next day over a month's end"),
        ("1958-03-04", "1968-03-04", "decade", "ten years"),
        ("1858-03-04", "1958-03-04", "century", "a hundred years"),
        ("1958-03-04", "1958-03-24", "one_part", "the day"),
        ("1958-03-04", "1958-08-04", "one_part", "the month"),
        ("1958-03-04", "1985-03-04", "one_part", "the year, digits exchanged"),
        ("1958", "1958-03-04", "compatible", "the year is all that is told"),
        ("1958-03", "1958-03-04", "compatible", "year and month are all that is told"),
        (
            "1958-03",
            "1958-04-04",
            "compatible",
            "the month of an incomplete date may be wrong, the year agrees",
        ),
        ("1958-01-01", "1958-03-04", "compatible", "a day that registries fill in"),
        ("1958", "1959-03-04", "disagree_weak", "years differ, one date incomplete"),
        ("1958-12-31", "1963-03-04", "disagree_weak", "years differ, one date filled in"),
        ("1958-03-04", "1963-07-04", "disagree", "two parts"),
        ("1958-03-04", "1963-07-21", "disagree", "three parts"),
        ("1958-03-04", "31/12/1958", None, "no date"),
        ("1958-03-04", None, None, "not told"),
    ],
)
def test_birth_dates_reach_their_level(a: str, b: str | None, level: str | None, why: str) -> None:
    assert compared("birth_date", {"birth_date": a}, {"birth_date": b}).level == level, why


def test_an_estimated_date_is_never_exact() -> None:
    estimated = {"birth_date": "1958-03-04", "flags": frozenset({"date_estimated"})}
    assert compared("birth_date", estimated, {"birth_date": "1958-03-04"}).level == "exact_weak"
    assert compared("birth_date", estimated, {"birth_date": "1958-07-21"}).level == "compatible"


@pytest.mark.parametrize(
    ("a", "b", "born", "level", "why"),
    [
        ("75116", "75116", None, "exact", "the same code"),
        ("75116", "75056", None, "city", "an arrondissement and its city"),
        ("75116", "75104", None, "city", "two arrondissements: the city compares"),
        ("74093", "74010", None, "city", "a merged commune"),
        ("75066", "93066", "1950-05-05", "city", "an old department"),
        ("91001", "99352", "1950-05-05", "city", "Algeria before independence"),
        ("91001", "99352", "1970-05-05", "disagree", "and after it"),
        ("69383", "69384", None, "city", "Lyon"),
        ("33063", "33318", None, "department", "two towns of the Gironde"),
        ("99352", "99351", None, "disagree", "two countries"),
        ("33063", "59350", None, "disagree", "two departments"),
        ("33063", "99999", None, None, "unknown"),
    ],
)
def test_birthplaces_reach_their_level(a: str, b: str, born: str | None, level: str | None, why: str) -> None:
    one, other = {"birth_place": a, "birth_date": born}, {"birth_place": b, "birth_date": born}
    assert compared("birth_place", one, other).level == level, why


OWN = {"authority": "A", "local_id": "1"}
OTHER = {"authority": "B", "local_id": "1"}


def quoting(value: str, issuer: str, **traits: Any) -> dict[str, Any]:
    return {**traits, "identifiers": (Identifier(value=value, issuer=issuer),)}


@pytest.mark.parametrize(
    ("comparison", "a", "b", "level", "why"),
    [
        ("sex", {"sex": "M"}, {"sex": "1"}, "agree", "one code and another"),
        ("sex", {"sex": "M"}, {"sex": "F"}, "disagree", "a fault or a change: never a veto"),
        ("sex", {"sex": "I"}, {"sex": "F"}, None, "neither meets anything"),
        ("sex", {"sex": "I"}, {"sex": "I"}, "agree", "and agrees with itself"),
        ("sex", {"sex": ""}, {"sex": "F"}, None, "not told"),
        (
            "multiple_birth",
            {"multiple_birth": "1"},
            {"multiple_birth": "1"},
            "same_order",
            "the first of both",
        ),
        ("multiple_birth", {"multiple_birth": "1"}, {"multiple_birth": "2"}, "disagree", "two twins"),
        ("multiple_birth", {"multiple_birth": "1"}, {"multiple_birth": "yes"}, "both", "an order not told"),
        ("multiple_birth", {"multiple_birth": "1"}, {}, None, "not told"),
        (
            "phone",
            {"phone": ("0612345679",)},
            {"phone": ("0142345678", "+33612345679")},
            "mobile",
            "one of two",
        ),
        ("phone", {"phone": ("0142345678",)}, {"phone": ("0142345678",)}, "landline", "a household's"),
        ("phone", {"phone": ("0612345679",)}, {"phone": ("0612345670",)}, "typo", "one digit"),
        ("phone", {"phone": ("0612345679",)}, {"phone": ("0698765432",)}, "disagree", "another number"),
        ("phone", {"phone": ("0000000000",)}, {"phone": ("0612345679",)}, None, "a filler"),
        (
            "email",
            {"email": ("x1@x.fr",)},
            {"email": ("y1@x.fr",)},
            "disagree",
            "too short for a typing error",
        ),
        (
            "email",
            {"email": ("jean.martin@x.fr",), "birth_name": "MARTIN"},
            {"email": ("jean.martin@y.fr",), "birth_name": "MARTIN"},
            None,
            "a namesake's, too",
        ),
        (
            "email",
            {"email": ("jean.martin@x.fr",), "family_name": "MARTIN"},
            {"email": ("jean.martin1@x.fr",), "family_name": "MARTIN"},
            None,
            "a namesake's, too",
        ),
        ("birth_place", {"birth_place": "99216"}, {"birth_place": "99216"}, "country", "abroad"),
        (
            "given_names",
            {"given_names": ("J",)},
            {"given_names": ("J",)},
            "initial",
            "one letter on both sides",
        ),
        (
            "given_names",
            {"given_names": ("伟",)},
            {"given_names": ("伟",)},
            "first",
            "one sign, a whole name",
        ),
        ("email", {"email": ("a.b@x.fr",)}, {"email": ("A.B@X.FR",)}, "exact", "case"),
        ("email", {"email": ("anne.b@x.fr",)}, {"email": ("anne.b@y.fr",)}, "user", "another provider"),
        (
            "email",
            {"email": ("a.b@xyz.fr",)},
            {"email": ("a.b@xyt.fr",)},
            "typo",
            "one letter, too short a name",
        ),
        ("email", {"email": ("anne.b@x.fr",)}, {"email": ("paul.c@y.fr",)}, "disagree", "another"),
        ("email", {"email": ("inconnu@x.fr",)}, {"email": ("paul.c@y.fr",)}, None, "a filler"),
        ("address", {"address": "2 av. Foch"}, {"address": "2 AVENUE FOCH"}, "exact", "an abbreviation"),
        ("address", {"address": "2 av. Foch"}, {"address": "4 AVENUE FOCH"}, "street", "a neighbour"),
        (
            "address",
            {"address": "2 rue du Gal Leclerc"},
            {"address": "rue Leclerc"},
            "street",
            "half of its words",
        ),
        ("address", {"address": "2 rue des Lilas"}, {"address": "2 rue de Lilla"}, "similar", "misspelt"),
        (
            "address",
            {"address": "2 rue des Lilas"},
            {"address": "7 place Foch"},
            "disagree",
            "another street",
        ),
        ("address", {"address": "SDF"}, {"address": "7 place Foch"}, None, "no address"),
        ("locality", {"postal_code": "75016"}, {"postal_code": "75016"}, "postal_code", "the same"),
        ("locality", {"postal_code": "75016", "city": "Paris"}, {"city": "PARIS 16"}, "city", "by name"),
        ("locality", {"postal_code": "75016"}, {"postal_code": "75002"}, "department", "not far"),
        ("locality", {"postal_code": "75016"}, {"postal_code": "59000"}, "disagree", "far"),
        ("locality", {"city": "PARIS"}, {"city": "LILLE"}, "disagree", "far, by name"),
        ("locality", {"postal_code": "75016"}, {"city": "LILLE"}, None, "a code and a name say nothing"),
        ("identifiers", quoting("7", "RRI"), quoting("7", "rri"), "same", "one issuer, one value"),
        ("identifiers", quoting("7", "RRI"), quoting("8", "RRI"), "disagree", "one issuer, two values"),
        ("identifiers", quoting("7", "RRI"), quoting("7", "IPP"), None, "two issuers"),
        ("identifiers", quoting("7", "RRI"), {}, None, "not told"),
        ("identifiers", OWN, quoting("1", "A", **OTHER), "same", "one quotes the other's file"),
        ("identifiers", OWN, quoting("2", "A", **OTHER), "disagree", "one quotes another file"),
        (
            "identifiers",
            OWN,
            {**OWN, "local_id": "2"},
            None,
            "two files of one authority: what is looked for",
        ),
        ("identifiers", OWN, OTHER, None, "two authorities"),
    ],
)
def test_other_traits_reach_their_level(
    comparison: str, a: dict[str, Any], b: dict[str, Any], level: str | None, why: str
) -> None:
    assert compared(comparison, a, b).level == level, why


def test_values_agreed_upon_are_terms() -> None:
    el_haddad, al_haddad, compound, part = (
        {"birth_name": name} for name in ("EL HADDAD", "AL HADDAD", "DUPONT-MARTIN", "MARTIN")
    )
    assert compared("family_name", el_haddad, al_haddad).terms == ("ELHADDAD",)
    assert compared("family_name", compound, part).terms == ("MARTIN",)
    assert compared("birth_place", {"birth_place": "75116"}, {"birth_place": "75056"}).terms == ("75056",)
    assert compared("locality", {"postal_code": "75016"}, {"postal_code": "75016"}).terms == ("75016",)
    for unknown in ({"given_names": ("J",)}, {"given_names": ("伟",)}):
        assert compared("given_names", unknown, unknown).terms == ()
    assert compared("family_name", {"family_name": "王"}, {"family_name": "王"}).terms == ()
    assert compared("birth_place", {"birth_place": "99216"}, {"birth_place": "99216"}).terms == ()


def test_what_a_household_shares_is_flagged() -> None:
    flagged = {c.name for c in COMPARISONS if any(level.household for level in c.levels)}
    assert flagged == {"family_name", "phone", "email", "address", "locality"}
    assert compared("phone", {"phone": ("0142345678",)}, {"phone": ("0142345678",)}).household
    assert not any(level.household for c in COMPARISONS for level in c.levels if not level.agrees)


def test_every_trait_is_compared_or_has_a_reason_not_to_be() -> None:
    """Red when a trait was added and nobody said how it compares."""
    covered = [trait for comparison in COMPARISONS for trait in comparison.traits]
    assert len(covered) == len(set(covered))
    assert {*covered, *NOT_COMPARED} == {trait.name for trait in dataclasses.fields(RawRecord)}
    assert not {*covered} & {*NOT_COMPARED}
    assert all(NOT_COMPARED.values())


def test_ladders_go_from_agreement_down_to_disagreement() -> None:
    for comparison in COMPARISONS:
        agrees = [level.agrees for level in comparison.levels]
        assert agrees == sorted(agrees, reverse=True)
        assert len({level.name for level in comparison.levels}) == len(comparison.levels)
        assert all(level.why for level in comparison.levels)


def test_a_ladder_refuses_a_level_that_it_has_not() -> None:
    with pytest.raises(KeyError):
        Ladder("height", Level("exact", "the same height")).at("exactly")


def test_nothing_told_weighs_nothing() -> None:
    assert all(answer.level is None for answer in compare(Record(), Record()))


POOL = {
    "family_name": ("MARTIN", "Martin-Dupont", "EL HADDAD", "ELHADDAD", "Иванов", "王", "PAUL", "X", None),
    "birth_name": ("MARTIN", "DUPONT", "LEFÈVRE", "AL HADDAD", "IVANOV", "LAN", None),
    "given_names": (
        ("PAUL",),
        ("JEAN", "PAUL"),
        ("JEAN-PAUL",),
        ("MARTIN",),
        ("NGUYEN", "THI"),
        ("محمد",),
        ("J",),
        (),
    ),
    "used_given_name": ("PAUL", "MANU", None),
    "sex": ("M", "F", "I", None),
    "birth_date": ("1958-03-04", "1958-04-03", "1958", "1958-01-01", "1968-03-04", "1958-03-05", "x", None),
    "birth_place": ("75116", "75056", "91001", "99352", "33063", None),
    "address": ("2 rue Foch", "rue Foch", "place Foch", None),
    "postal_code": ("75016", "75002", "59000", None),
    "city": ("PARIS", "LILLE", None),
    "phone": (("0612345679",), ("0142345678", "0612345670"), ()),
    "email": (("anne.b@x.fr",), ("anne.b@y.fr", "z@y.fr"), ()),
    "multiple_birth": ("1", "2", "yes", None),
    "authority": ("A", "B", ""),
    "local_id": ("1", "2", ""),
    "identifiers": ((Identifier(value="1", issuer="A"),), (Identifier(value="9", issuer="RRI"),), ()),
}
RECORDS = st.fixed_dictionaries({trait: st.sampled_from(values) for trait, values in POOL.items()}).map(
    lambda traits: normalise(RawRecord(**traits))
)


@settings(deadline=None)
@given(a=RECORDS, b=RECORDS)
def test_comparing_is_symmetric_and_answers_with_levels_of_the_ladder(a: Record, b: Record) -> None:
    answers = compare(a, b)
    assert answers == compare(b, a)
    for comparison, answer in zip(COMPARISONS, answers, strict=True):
        assert answer.comparison == comparison.name
        assert answer.level is None or answer.level in {level.name for level in comparison.levels}


@settings(deadline=None)
@given(a=RECORDS)
def test_a_record_never_disagrees_with_itself(a: Record) -> None:
    assert not any(answer.level and answer.level.startswith("disagree") for answer in compare(a, a))
