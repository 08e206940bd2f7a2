"""What sites tell of people: each record one site's version of one person, with that site's habits and slips.

Column lists in the public schema. Everything a record may get wrong is a step of its own (`STEPS`), which
notes the hard case it made.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from matching.population.errors import default_date, misspelt, mistyped_digits, wrong_date
from matching.population.persons import PERSON_CASES, phones, streets
from matching.population.sites import Telling
from matching.population.typed import NATIVE_SCRIPT, SHORT_FORMS, STREET_ABBREVIATIONS
from matching.population.vocabulary import texts

REGION = "REGION"  # issuer of a number that a few records carry
STATUSES = ("PROV", "RECUP", "VALI", "QUAL")
# How much less often a strict trait is wrong once the identity was checked or came from the national service.
CARE = {"": 1.0, "PROV": 1.0, "RECUP": 0.5, "VALI": 0.3, "QUAL": 0.02}


def statuses(t: Telling) -> None:
    """A status where the site sends one; the care that goes with it."""
    status = texts(t.rng.choice(STATUSES, len(t), p=[0.40, 0.05, 0.25, 0.30]))
    status[~t.sites.sends_status[t.site]] = ""
    t.columns["status"] = status
    t.care = np.array([CARE[s] for s in status])


def names(t: Telling) -> None:
    """Birth name, name in use since the marriage, given names by the site's habit."""
    people, person = t.people, t.person
    birth = people.birth_name[person]
    married_at = t.rng.random(len(people)) * 0.8
    used = np.where(t.told_at > married_at[person], people.used_name[person], "").astype(object)
    one_name = t.sites.one_name[t.site]
    repeats = t.rng.random(len(t)) < 0.5  # a site that fills the name in use with the birth name
    t.columns["birth_name"] = texts(np.where(one_name, "", birth))
    t.columns["family_name"] = texts(
        np.where(np.not_equal(used, "").astype(bool), used, np.where(one_name | repeats, birth, ""))
    )
    given = people.given_names[person]
    first_only = t.rng.random(len(t)) < np.where(
        t.columns["status"] == "QUAL", 0.0, t.sites.first_given_only[t.site]
    )
    given[first_only] = [names.split(" ")[0] for names in given[first_only]]
    t.columns["given_names"] = given
    t.columns["used_given_name"] = texts([""] * len(t))


def plain_traits(t: Telling) -> None:
    """Sex, date, place, order of birth, death as they are."""
    people, person = t.people, t.person
    t.columns["sex"] = people.sex[person]
    t.columns["birth_date"] = texts(np.datetime_as_string(people.birth_date[person], unit="D"))
    t.columns["birth_place"] = people.birth_place[person]
    t.columns["multiple_birth"] = people.multiple_birth[person]
    t.columns["flags"], t.columns["attributes"] = texts([""] * len(t)), texts([""] * len(t))
    deaths = texts([""] * len(people))
    for row in np.flatnonzero(t.rng.random(len(people)) < 0.004):
        deaths[row] = "2025-12-15"
    late = t.told_at > 0.9
    t.columns["death_date"] = texts(np.where(late, deaths[person], ""))
    numbers = texts([f"R{n:08d}^^^{REGION}" for n in t.rng.permutation(len(people))])
    t.columns["identifiers"] = texts(np.where(t.rng.random(len(t)) < 0.03, numbers[person], ""))


def contacts(t: Telling) -> None:
    """Address before or after a move, telephone numbers, e-mail, as far as the site asks for them."""
    people, person, rng = t.people, t.person, t.rng
    had_moved = (people.cases & (1 << PERSON_CASES.index("moved"))) > 0
    moved_at = rng.random(len(people))
    before = had_moved[person] & (t.told_at < moved_at[person])
    old_street = streets(rng, t.words, len(people))
    old_commune = np.where(
        rng.random(len(people)) < 0.2,
        t.words.communes.urn.draw(rng, len(people)),
        t.words.communes.neighbours(rng, people.commune),
    )
    old_landline = phones(rng, len(people), "01 02 03 04 05 09")
    street = texts(np.where(before, old_street[person], people.street[person]))
    commune = np.where(before, old_commune[person], people.commune[person])
    landline = texts(
        np.where(before & (people.landline[person] != ""), old_landline[person], people.landline[person])
    )
    changed = texts(
        np.where(rng.random(len(people)) < 0.25, phones(rng, len(people), "06 07"), people.mobile)
    )
    mobiles = texts(
        np.where(t.told_at < rng.random(len(people))[person], changed[person], people.mobile[person])
    )
    for row in t.some(0.06):  # a relative's number
        mobiles[row] = phones(rng, 1, "06 07 01 04")[0]
    choice = np.equal(mobiles, "").astype(bool) | (rng.random(len(t)) < 0.5)
    codes = t.words.communes.postal_codes[commune]
    t.columns["address"] = street
    t.columns["postal_code"] = texts([c[r % len(c)] for c, r in zip(codes, person, strict=True)])
    t.columns["city"] = texts([name.upper() for name in t.words.communes.name[commune]])
    t.columns["country"] = texts(np.where(rng.random(len(t)) < 0.3, "FR", ""))
    t.columns["phone"] = texts(
        [
            ";".join(n for n in (m if c or not f else "", f) if n) if c else (m or f)
            for m, f, c in zip(mobiles, landline, choice, strict=True)
        ]
    )
    t.columns["email"] = people.email[person]
    for row in t.some(0.15):  # another address of the same person, or another provider
        name, _, domain = t.columns["email"][row].partition("@")
        if domain:
            t.columns["email"][row] = f"{name}@poste.exemple.fr" if rng.random() < 0.4 else f"c{row}@{domain}"


def other_spellings(t: Telling) -> None:
    """Another spelling of a name that registries write in several ways; rarely the native script."""
    for column, groups in (("birth_name", "family_spellings"), ("given_names", "given_spellings")):
        spellings = getattr(t.people, groups)[t.person]
        known = np.array([group is not None for group in spellings], dtype=float)
        for row in t.some(0.30 * known, careful=True):
            group = spellings[row]
            told = group[t.rng.integers(len(group))]
            if t.columns[column][row] == group[0] != told:
                if t.columns["family_name"][row] == group[0]:
                    t.columns["family_name"][row] = told
                t.columns[column][row] = told
                t.mark("spelling", row)
        if column == "birth_name":
            for row in t.some(0.30 * known * (t.columns["birth_name"] == ""), careful=True):
                group = spellings[row]
                if t.columns["family_name"][row] == group[0]:
                    t.columns["family_name"][row] = group[t.rng.integers(len(group))]
                    t.mark("spelling", row)
    for row in t.some(0.05):
        given = t.columns["given_names"][row]
        family = t.columns["birth_name"][row] or t.columns["family_name"][row]
        if given in NATIVE_SCRIPT and family in NATIVE_SCRIPT:
            t.columns["given_names"][row] = NATIVE_SCRIPT[given]
            t.columns["family_name"][row] = NATIVE_SCRIPT[family]
            t.columns["birth_name"][row] = ""
            t.mark("native_script", row)


def name_parts(t: Telling) -> None:
    """One half of a compound name; hyphen as space; names in each other's field; another given name first."""
    for column in ("birth_name", "family_name"):
        for row in t.some(0.5, careful=True):
            name = t.columns[column][row]
            if "-" in name:
                parts = name.split("-")
                half = t.rng.random() < 0.5
                t.columns[column][row] = (
                    parts[int(t.rng.integers(len(parts)))] if half else name.replace("-", " ")
                )
                t.mark("name_part", row)
    for row in t.some(0.008, careful=True):
        birth, family = t.columns["birth_name"][row], t.columns["family_name"][row]
        if birth and family and birth != family:
            t.columns["birth_name"][row], t.columns["family_name"][row] = family, birth
            t.mark("swapped_names", row)
        elif t.rng.random() < 0.4:
            given = t.columns["given_names"][row]
            t.columns["family_name"][row], t.columns["given_names"][row] = given, family or birth
            t.columns["birth_name"][row] = ""
            t.mark("swapped_names", row)
    by_second_name = (t.rng.random(len(t.people)) < 0.04)[t.person]
    for row in t.some(0.6 * by_second_name, careful=True):
        given = t.people.given_names[t.person[row]].replace("-", " ").split(" ")
        if len(given) > 1:
            if t.rng.random() < 0.6:
                t.columns["used_given_name"][row] = given[1]
            else:
                t.columns["given_names"][row] = given[1]
            t.mark("given_name_part", row)
    for row in t.some(0.4, careful=True):
        names = t.columns["given_names"][row]
        if "-" in names:
            first = t.rng.random() < 0.4
            t.columns["given_names"][row] = names.split("-")[0] if first else names.replace("-", " ")
            t.mark("given_name_part", row)
    for row in t.some(0.03, careful=True):
        first, *rest = t.columns["given_names"][row].split(" ")
        if rest:
            rest = rest[1:] if t.rng.random() < 0.5 else [misspelt(t.rng, rest[0]), *rest[1:]]
            t.columns["given_names"][row] = " ".join([first, *rest])
            t.mark("given_name_part", row)
    for row in t.some(0.02, careful=True):
        first, *rest = t.columns["given_names"][row].split(" ")
        if first in SHORT_FORMS:
            forms = SHORT_FORMS[first]
            t.columns["given_names"][row] = " ".join([forms[int(t.rng.integers(len(forms)))], *rest])
            t.mark("short_form", row)


def typing_errors(t: Telling) -> None:
    """One slip in a name; the same slip in both family names where they are the same."""
    for column, share in (("family_name", 0.018), ("given_names", 0.018), ("birth_name", 0.010)):
        for row in t.some(share, careful=True):
            name = t.columns[column][row]
            if not name or not name.isascii():
                continue
            first, _, rest = name.partition(" ")
            if column != "given_names":
                first, rest = name, ""
            wrong = f"{misspelt(t.rng, first)} {rest}".strip()
            if column == "family_name" and t.columns["birth_name"][row] == name:
                t.columns["birth_name"][row] = wrong
            t.columns[column][row] = wrong
            t.mark("typing_error", row)
    for column, share in (("postal_code", 0.01), ("phone", 0.01)):
        for row in t.some(share):
            if t.columns[column][row]:
                t.columns[column][row] = mistyped_digits(t.rng, t.columns[column][row])


def dates(t: Telling) -> None:
    """Wrong, incomplete or default dates of birth."""
    column = t.columns["birth_date"]
    for row in t.some(0.014, careful=True):
        column[row] = wrong_date(t.rng, column[row])
        t.mark("date_error", row)
    for row in t.some(0.0015, careful=True):
        column[row] = str(t.people.birth_date[t.rng.integers(len(t.people))])
        t.mark("date_error", row)
    for row in t.some(0.005, careful=True):
        column[row] = default_date(t.rng, column[row])
        if t.rng.random() < 0.5:
            t.columns["flags"][row] = "date_estimated"
        t.mark("default_date", row)
    for row in t.some(0.002, careful=True):
        column[row] = column[row][: int(t.rng.choice([4, 7]))]
        t.mark("default_date", row)
    for row in t.some(0.012, careful=True):
        column[row] = ""
        t.mark("missing_date", row)


def places_and_sex(t: Telling) -> None:
    """Former and city-wide codes of the place, a wrong one, wrong or missing sex; addresses abbreviated."""
    place, sex, address = t.columns["birth_place"], t.columns["sex"], t.columns["address"]
    for row in t.some(0.3):
        code = place[row]
        if code.startswith("751"):
            place[row] = "75056"
        elif code in t.words.communes.former and t.rng.random() < 0.3:
            olds = t.words.communes.former[code]
            place[row] = olds[int(t.rng.integers(len(olds)))]
    near = t.some(0.015, careful=True)  # where the parents lived
    place[near] = t.words.communes.code[t.words.communes.neighbours(t.rng, t.people.commune[t.person[near]])]
    wrong = t.some(0.005, careful=True)
    place[wrong] = t.words.communes.code[t.words.communes.urn.draw(t.rng, len(wrong))]
    for row in t.some(0.003, careful=True):
        sex[row] = "M" if sex[row] == "F" else "F"
    sex[t.some(0.002)] = "I"
    sex[t.some(0.02)] = ""
    for row in t.some(0.3):
        number, kind, rest = address[row].split(" ", 2)
        address[row] = f"{number} {STREET_ABBREVIATIONS.get(kind, kind)} {rest}"
    for row in t.some(0.03):
        address[row] = misspelt(t.rng, address[row])
    for row in t.some(0.05):
        address[row] = f"{address[row]} BAT {t.rng.choice(list('ABCD'))}"


def attributes(t: Telling) -> None:
    """HOMA for a third of the known homonyms, DOUT for a few, `protected` for fewer."""
    homonym = (t.people.cases[t.person] & (1 << PERSON_CASES.index("homonym"))) > 0
    t.columns["attributes"][t.some(0.3 * homonym)] = "HOMA"
    doubtful = t.some(0.002)
    t.columns["attributes"][doubtful] = "DOUT"
    sends = t.sites.sends_status[t.site[doubtful]]
    t.columns["status"][doubtful[sends]] = "PROV"


def provisional_names(t: Telling) -> None:
    """Newborns before they are named: BEBE, FILLE, GARCON, perhaps with the mother's given name."""
    newborn = (t.people.cases[t.person] & (1 << PERSON_CASES.index("newborn"))) > 0
    for row in t.some(0.5 * newborn * (t.told_at < 0.6)):
        word = ("BEBE", "FILLE" if t.people.sex[t.person[row]] == "F" else "GARCON")[int(t.rng.integers(2))]
        mother = t.people.mother_given_name[t.person[row]].split(" ")[0]
        t.columns["given_names"][row] = word if t.rng.random() < 0.7 else f"{word} {mother}"
        t.columns["flags"][row] = "newborn"
        if t.columns["status"][row]:
            t.columns["status"][row] = "PROV"
        t.mark("provisional_name", row)


def missing_traits(t: Telling) -> None:
    """What the site does not ask for; a few records have hardly more than a name."""
    place, contact = t.sites.tells_place[t.site], t.sites.tells_contacts[t.site]
    qualified = t.columns["status"] == "QUAL"
    t.columns["birth_place"][t.some(np.where(qualified, 0.0, 1.0 - place))] = ""
    for column, share in (("address", 0.1), ("postal_code", 0.05), ("phone", 0.15), ("email", 0.4)):
        gone = t.some(1.0 - contact * (1.0 - share))
        t.columns[column][gone] = ""
        if column == "postal_code":
            t.columns["city"][gone] = ""
    t.columns["multiple_birth"][t.some(0.5)] = ""
    for row in t.some(0.01, careful=True):
        for column in ("birth_place", "address", "postal_code", "city", "phone", "email", "sex"):
            t.columns[column][row] = ""
        t.mark("few_traits", row)


def writing(t: Telling) -> None:
    """Upper case without accents at most sites, mixed case with accents at the others."""
    with_accents = t.sites.accents[t.site]
    for column in ("family_name", "birth_name", "given_names", "used_given_name", "city", "address"):
        values = t.columns[column]
        for row in np.flatnonzero(with_accents):
            values[row] = values[row].title()
        for row in np.flatnonzero(~with_accents):
            values[row] = values[row].translate(WITHOUT_ACCENTS)


WITHOUT_ACCENTS = str.maketrans("ÀÂÄÇÉÈÊËÎÏÔÖÙÛÜŸÑÍÓÁÚ", "AAACEEEEIIOOUUUYNIOAU")
STEPS: tuple[Callable[[Telling], None], ...] = (
    statuses,
    names,
    plain_traits,
    contacts,
    other_spellings,
    name_parts,
    typing_errors,
    dates,
    places_and_sex,
    attributes,
    provisional_names,
    missing_traits,
    writing,
)
