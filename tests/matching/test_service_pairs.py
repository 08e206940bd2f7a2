"""Policy `service` with the shipped model on pairs that a hospital meets: what may rewrite images.

No pair of two people may be linked; the ordinary pairs of one person must be, or the product is of no use.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from matching.decision import Candidate, Decision, Outcome, decide, policy
from matching.model import Model
from matching.normalise import normalise
from matching.records import Identifier, RawRecord

POPULATION = 6_000_000
MOBILE: dict[str, Any] = {"phone": ("0612345699",)}
HOME: dict[str, Any] = MOBILE | {
    "address": "12 rue des Lilas",
    "postal_code": "86000",
    "city": "Poitiers",
    "email": ("famille.leblanc@exemple.fr",),
}
CHILD = RawRecord(family_name="LEBLANC", birth_date="2010-03-15", birth_place="86194", sex="M", **HOME)
RARE = RawRecord(
    family_name="LEBRETONNEC", given_names=("GWENDAL",), birth_date="2000-03-15", birth_place="86005", sex="M"
)
JEAN = RawRecord(family_name="MARTIN", given_names=("JEAN",), birth_date="1980-03-15", sex="M")


def decided(a: RawRecord, b: RawRecord) -> Decision:
    one = normalise(replace(a, authority="HOPITAL-A", local_id="1001"))
    other = normalise(replace(b, authority="HOPITAL-B", local_id="2002"))
    score = Model.load().score(one, other, population=POPULATION)
    candidate = Candidate(identity_id="E1", record_id="r1", record=other, score=score)
    return decide(one, [candidate], policy("service", Model.load()))


TWINS = [
    ("EMMA", "JULIE"), ("LEA", "LEO"), ("J", "J"), ("J", "JULES"), ("AISSATOU", "AISSATA"),
    ("MAMADOU", "MAMADI"), ("NADIR", "NADIRA"), ("FARES", "FARIS"), ("CAMILLE", "CAMILLA"),
    ("ERIC", "ERICA"), ("FATOU", "FATOUMATA"), ("LINA", "LYNA"), ("MAEVA", "MAEVE"), ("RENE", "RENEE"),
    ("MATHIS", "MATIS"), ("MARIE-CLAIRE", "MARIE-ANNE"), ("MARIE", "MARIE-ANNE"), ("JEAN-PAUL", "JEAN"),
    ("MOHAMED AMINE", "MOHAMED ALI"), ("JEAN PAUL", "JEAN PIERRE"), ("HASSAN", "HUSSEIN"),
    ("حسن", "HUSSEIN"), ("ИВАН", "YVON"), ("NOA", "NOAH"), ("SAMUEL", "SAMUELLE"), ("MICHEL", "MICHELE"),
    ("PASCAL", "PASCALE"), ("AMINA", "AMINE"), ("YASSIN", "YASSINE"), ("MAELLE", "MAEL"),
    ("AXEL", "AXELLE"), ("KARIM", "KARIMA"), ("ADAMA", "ADAM"), ("ELISA", "ELSA"), ("KENZA", "KENZO"),
    ("OUSMANE", "OUSSEYNOU"), ("THI LAN", "THI HOA"), ("MERIEM", "MARIAM"), ("SALIM", "SELIM"),
    ("RAYAN", "RYAN"), ("YANIS", "YANN"), ("ELIO", "ELIOT"), ("TOM", "THOM"), ("ALEX", "ALEXIS"),
]  # fmt: skip


@pytest.mark.parametrize("sex", [None, "M", "F"])
@pytest.mark.parametrize(("one", "other"), TWINS)
def test_twins_of_one_home_are_not_linked(one: str, other: str, sex: str | None) -> None:
    a, b = (replace(CHILD, given_names=(names,), sex=sex) for names in (one, other))
    assert decided(a, b).outcome is not Outcome.LINK
    spaced = decided(*(replace(CHILD, given_names=tuple(names.split()), sex=sex) for names in (one, other)))
    assert spaced.outcome is not Outcome.LINK


NO_NAMES = [
    "ABSENT", "AUCUN", "DR", "FEMME", "HOMME", "INCONNUS", "M", "MADAME", "MME", "MONSIEUR", "MR", "NA", "ND",
    "NON", "NONE", "NR", "NULL", "PATIENT", "PRENOMINCONNU", "SANS", "VIDE", "ACCOUCHEE",
]  # fmt: skip


@pytest.mark.parametrize(
    "name", [*NO_NAMES, "NON COMMUNIQUE", "HOMME 1", "NON RENSEIGNEE", "NE PAS UTILISER", "1"]
)
def test_brothers_without_a_given_name_are_not_linked(name: str) -> None:
    told = replace(CHILD, given_names=(name,))
    assert decided(told, told).outcome is not Outcome.LINK
    several = replace(CHILD, given_names=tuple(name.split()))
    assert decided(several, several).outcome is not Outcome.LINK


@pytest.mark.parametrize(
    "name",
    ["NULL", "NONE", "NA", "AUCUN", "URGENCE", "NOM INCONNU", "NON RENSEIGNEE", "PATIENT TEST", "Y", "X 3"],
)
def test_namesakes_without_a_family_name_are_not_linked(name: str) -> None:
    told = replace(CHILD, family_name=name, given_names=("EMMA",))
    assert decided(told, told).outcome is not Outcome.LINK


def born(record: RawRecord, day: str, **more: Any) -> RawRecord:
    return replace(record, birth_date=day, **more)


MUTUAL: dict[str, Any] = {"identifiers": (Identifier(value="998877", issuer="MUTUELLE"),)}
PIERRE = replace(CHILD, given_names=("PIERRE", "LOUIS"))
MOHAMED = replace(CHILD, given_names=("MOHAMED",))
LEA = replace(CHILD, given_names=("LEA",), sex="F")
EXCHANGED = replace(CHILD, family_name="JEAN", given_names=("LEBLANC",))
WEI = RawRecord(
    family_name="WANG", given_names=("WEI",), birth_date="1985-10-10", birth_place="99216", sex="M"
)
ABROAD = RawRecord(
    family_name="DIALLO", given_names=("MAMADOU",), birth_date="1990-06-01", birth_place="99330", sex="M"
)

TWO_PEOPLE: list[tuple[str, RawRecord, RawRecord]] = [
    ("twins, crossed lists, a name in use", PIERRE,
     replace(CHILD, given_names=("LOUIS", "PIERRE"), used_given_name="LOUIS")),
    ("twins, a family name missing", LEA, replace(LEA, family_name=None, given_names=("EMMA",))),
    ("twins, a family name unknown", LEA, replace(LEA, family_name="INCONNU", given_names=("EMMA",))),
    ("twins, another alphabet", replace(LEA, family_name="BENSALAH"),
     replace(LEA, family_name="قاسم", given_names=("SARA",))),
    ("twins, both orders told", replace(LEA, multiple_birth="1"), replace(LEA, multiple_birth="2")),
    ("father and son without a family name", replace(RARE, birth_date="1980-03-15", **HOME),
     replace(RARE, birth_date="2010-03-15", family_name=None, **HOME)),
    ("father and son, exchanged names", replace(CHILD, given_names=("JEAN",), birth_date="1970-03-15"),
     born(EXCHANGED, "1995-03-15")),
    ("brothers, exchanged names", replace(CHILD, given_names=("JEAN",)), born(EXCHANGED, "2010-03-16")),
    ("twins, exchanged names", replace(CHILD, given_names=("JEAN",)),
     replace(EXCHANGED, family_name="JEAN-MARIE")),
    ("father and son of one name", replace(PIERRE, birth_date="1980-03-15"), PIERRE),
    ("cousins, a day apart", RARE, born(RARE, "2000-03-16")),
    ("cousins, another month", RARE, born(RARE, "2000-09-15")),
    ("uncle and nephew", RARE, born(RARE, "2010-03-15")),
    ("thirteen years apart", RARE, born(RARE, "2013-03-15")),
    ("a century apart", RARE, born(RARE, "1900-03-15")),
    ("brothers who bear one name", MOHAMED, born(MOHAMED, "2011-03-15")),
    ("homonyms of a first of the month abroad", ABROAD, ABROAD),
    ("homonyms of a rare name, a first of the month abroad", replace(ABROAD, family_name="SYLLA"),
     replace(ABROAD, family_name="SYLLA")),
    ("homonyms, a default date", born(JEAN, "1911-11-11"), born(JEAN, "1911-11-11")),
    ("homonyms of one sign", replace(WEI, family_name="王", given_names=("伟",), birth_place=None),
     replace(WEI, family_name="王", given_names=("伟",), birth_place=None)),
    ("homonyms born in one country", WEI, WEI),
    ("homonyms, a birthplace not told", replace(JEAN), replace(JEAN)),
    ("a family contract, a given name missing", replace(LEA, **MUTUAL),
     replace(LEA, given_names=(), **MUTUAL)),
    ("a family contract, a date missing", replace(PIERRE, **MUTUAL),
     replace(PIERRE, birth_date=None, **MUTUAL)),
    ("homonyms with mailboxes of their names", replace(JEAN, email=("jean.martin@x.fr",)),
     replace(JEAN, email=("jean.martin@y.fr",))),
    ("homonyms with mailboxes of one letter", replace(JEAN, birth_place="86194", email=("x1@exemple.fr",)),
     replace(JEAN, birth_place="86194", email=("y1@exemple.fr",), address="3 RUE HAUTE")),
    ("one given name for a man and a woman", replace(CHILD, given_names=("CAMILLE",)),
     replace(CHILD, given_names=("CAMILLE",), sex="F")),
    *[
        (f"homonyms, number {value}",
         replace(JEAN, identifiers=(Identifier(value=value, issuer="MUTUELLE"),)),
         replace(JEAN, identifiers=(Identifier(value=value, issuer="MUTUELLE"),)))
        for value in ("0", "INCONNU", "NC", "000000", "12345", "9999999")
    ],
    *[
        (f"homonyms, telephone {number}", replace(JEAN, birth_place="75056", phone=(number,)),
         replace(JEAN, birth_place="69123", phone=(number,)))
        for number in ("0606060606", "0611111111", "0612121212", "0600000001", "0102030405", "0123456789")
    ],
]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other"), [row[1:] for row in TWO_PEOPLE], ids=[row[0] for row in TWO_PEOPLE]
)
def test_two_people_are_not_linked(one: RawRecord, other: RawRecord) -> None:
    for a, b in ((one, other), (other, one)):
        decision = decided(a, b)
        assert decision.outcome is not Outcome.LINK, decision.reasons


MARRIED = RawRecord(
    birth_name="LEFEVRE",
    family_name="MOREAU",
    given_names=("SOPHIE",),
    sex="F",
    birth_date="1975-06-21",
    birth_place="86194",
)
ONE_PERSON: list[tuple[str, RawRecord, RawRecord]] = [
    ("a married woman", MARRIED, replace(MARRIED, family_name="LEFEVRE")),
    ("a married woman under her birth name", MARRIED, replace(MARRIED, family_name=None)),
    ("accents and case", replace(MARRIED, birth_name="LEFÈVRE", given_names=("Hélène",)),
     replace(MARRIED, birth_name="Lefevre", given_names=("HELENE",))),
    ("a list that goes further", replace(JEAN, birth_place="86005"),
     replace(JEAN, given_names=("JEAN", "CHRISTOPHE"), birth_place="86005")),
    ("a compound told by half", replace(JEAN, family_name="ROUSSEL", birth_place="86005"),
     replace(JEAN, family_name="ROUSSEL", given_names=("JEAN-CHRISTOPHE",), birth_place="86005")),
    ("a slip in the surname, the same mobile",
     replace(MARRIED, birth_name="LEFEVRE", family_name=None, **MOBILE),
     replace(MARRIED, birth_name="LEFEVER", family_name=None, **MOBILE)),
    ("a slip in the date, a rare name, the same mobile", replace(RARE, **MOBILE),
     replace(RARE, birth_date="2000-03-16", **MOBILE)),
    ("a first of the month, born here", born(MARRIED, "1975-06-01"), born(MARRIED, "1975-06-01")),
    ("moved in town, the same mobile", replace(MARRIED, address="12 rue des Lilas", **MOBILE),
     replace(MARRIED, address="3 QUAI BAS", **MOBILE)),
    ("a rare name, image header alone", replace(RARE, birth_place=None), replace(RARE, birth_place=None)),
    ("born abroad, the same mobile", replace(ABROAD, **MOBILE), replace(ABROAD, **MOBILE)),
    ("child of one home", MOHAMED, MOHAMED),
]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other"), [row[1:] for row in ONE_PERSON], ids=[row[0] for row in ONE_PERSON]
)
def test_one_person_is_linked(one: RawRecord, other: RawRecord) -> None:
    for a, b in ((one, other), (other, one)):
        decision = decided(a, b)
        assert (decision.outcome, decision.reasons) == (Outcome.LINK, ("certain",))


def test_one_name_in_two_spellings_is_asked_about() -> None:
    """Twins share all of it; a clerk looks once, and the record keeps its answer."""
    decision = decided(MOHAMED, replace(MOHAMED, given_names=("MOHAMMED",)))
    assert (decision.outcome, decision.reasons) == (Outcome.REVIEW, ("given-name-spelling",))
