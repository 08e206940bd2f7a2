"""Dates, places, telephone numbers and addresses are read with what is certain, and no more."""

from __future__ import annotations

import pytest

from matching.normalise.contacts import address, emails, phones
from matching.normalise.dates import partial_date
from matching.normalise.places import country, place, postal_code, town
from matching.records import PartialDate, Phone


def date(year: int, month: int | None, day: int | None, estimated: bool, weak: bool) -> PartialDate:
    return PartialDate(year=year, month=month, day=day, estimated=estimated, weak=weak)


@pytest.mark.parametrize(
    ("told", "expected", "why"),
    [
        ("1958-02-28", date(1958, 2, 28, False, False), "ISO"),
        ("19580228", date(1958, 2, 28, False, False), "DICOM and HL7"),
        (" 1958-02-28 ", date(1958, 2, 28, False, False), "blanks around it"),
        ("１９５８０２２８", date(1958, 2, 28, False, False), "full width digits"),
        ("1958-02", date(1958, 2, None, True, True), "day not told"),
        ("1958", date(1958, None, None, True, True), "year only"),
        ("1958-00-00", date(1958, None, None, True, True), "00 parts are unknown parts"),
        ("19580200", date(1958, 2, None, True, True), "00 day"),
        ("1958-00-15", date(1958, None, 15, True, True), "00 month"),
        ("1958-01-01", date(1958, 1, 1, False, True), "1 January is what registries fill in"),
        ("1958-12-31", date(1958, 12, 31, False, True), "so is 31 December"),
        ("15/03/1980", None, "day first or month first: nothing certain"),
        ("1980-13-01", None, "no such month"),
        ("1981-02-29", None, "no such day"),
        ("1980-02-29", date(1980, 2, 29, False, False), "a leap day"),
        ("1980-00-32", None, "no month has 32 days"),
        ("1900-01-01", None, "what software writes for none"),
        ("18991230", None, "a spreadsheet's day zero"),
        ("0001-01-01", None, "a database's zero"),
        ("9999-12-31", None, "a database's for ever"),
        ("1958-2-28", None, "not one of the forms told to senders"),
        ("inconnue", None, "no date"),
        ("", None, "empty"),
        (None, None, "not told"),
    ],
)
def test_a_date_is_read_with_the_parts_that_are_known(
    told: str | None, expected: PartialDate | None, why: str
) -> None:
    assert partial_date(told) == expected, why


@pytest.mark.parametrize(
    ("code", "born", "cities", "why"),
    [
        ("75116", None, {"75056"}, "an arrondissement of Paris is Paris"),
        ("69383", None, {"69123"}, "of Lyon"),
        ("13201", None, {"13055"}, "of Marseille"),
        ("75066", "1950-05-05", {"93066"}, "Saint-Denis when it was in the Seine"),
        ("78182", "1950-05-05", {"91228"}, "Évry-Petit-Bourg when it was in Seine-et-Oise"),
        ("74093", None, {"74010"}, "Cran-Gevrier, merged into Annecy"),
        ("20004", "1960-01-05", {"2A004"}, "Ajaccio before the two Corsican departments"),
        ("2b033", None, {"2B033"}, "a small letter"),
        ("91001", "1950-05-05", {"91001", "99352"}, "Algeria, or the Essonne of today typed by a clerk"),
        ("91999", "1950-05-05", {"99352"}, "Algeria: no such commune today"),
        ("91001", "1970-05-05", {"91001"}, "Algeria had become another country"),
        ("91001", None, {"91001"}, "no date to tell"),
        ("99352", "1950-05-05", {"99352"}, "Algeria, as a country"),
        ("11111", None, {"11111"}, "Cruscades: a code that looks like a filler"),
    ],
)
def test_a_birthplace_is_read_at_the_date_of_birth(
    code: str, born: str | None, cities: set[str], why: str
) -> None:
    found = place(code, born=partial_date(born))
    assert found
    assert found.cities == cities, why


@pytest.mark.parametrize("code", ["99999", "00000", "75", "PARIS", "7505A", "2C004", "", None, "750566"])
def test_what_is_no_code_is_no_birthplace(code: str | None) -> None:
    assert place(code) is None


def test_an_unlisted_corsican_code_keeps_both_departments() -> None:
    found = place("20999")
    assert found
    assert {"2A", "2B"} <= found.departments


@pytest.mark.parametrize(
    ("told", "expected", "why"),
    [
        ("06 12 34 56 79", [("612345679", True)], "national"),
        ("+33 (0)6 12 34 56 79", [("612345679", True)], "international with the trunk zero"),
        ("0033612345679", [("612345679", True)], "dialled"),
        ("01.42.34.56.78", [("142345678", False)], "a landline"),
        ("06/12/34/56/79", [("612345679", True)], "slashes inside one number"),
        ("0612345679 / 0142345678", [("612345679", True), ("142345678", False)], "two in one field"),
        ("0612345679 ou 0612345679", [("612345679", True)], "one of them twice"),
        ("0600000000", [], "a filler"),
        ("0000000000", [], "one digit repeated"),
        ("1234", [], "too short"),
        ("néant", [], "a word"),
    ],
)
def test_a_telephone_number_is_its_last_nine_digits(
    told: str, expected: list[tuple[str, bool]], why: str
) -> None:
    assert phones((told,)) == tuple(Phone(number=number, mobile=mobile) for number, mobile in expected), why


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("Anne.Martin@Example.FR ", ("anne.martin@example.fr",)),
        ("anne+hopital@example.fr", ("anne@example.fr",)),
        ("inconnu@example.fr", ()),
        ("noreply@example.fr", ()),
        ("+x@example.fr", ()),
        ("anne at example", ()),
        ("a@b", ()),
    ],
)
def test_a_mailbox_is_an_address_that_says_who(told: str, expected: tuple[str, ...]) -> None:
    assert emails((told,)) == expected


@pytest.mark.parametrize(
    ("told", "number", "street"),
    [
        ("12 bis, av. du Gal Leclerc", "12B", ("AVENUE", "GENERAL", "LECLERC")),
        ("12 B AVENUE GENERAL LECLERC", "12B", ("AVENUE", "GENERAL", "LECLERC")),
        ("007 R. Saint-Jean", "7", ("RUE", "ST", "JEAN")),
        ("Lieu-dit Les Ormes", None, ("LIEU", "DIT", "ORMES")),
        ("8B chemin vert", "8B", ("CHEMIN", "VERT")),
    ],
)
def test_an_address_is_a_number_and_a_street(told: str, number: str | None, street: tuple[str, ...]) -> None:
    found = address(told)
    assert found
    assert (found.number, found.street) == (number, street)


@pytest.mark.parametrize("told", ["SDF", "Sans domicile fixe", "adresse inconnue", "12", "", None])
def test_no_street_is_no_address(told: str | None) -> None:
    assert address(told) is None


def test_towns_postal_codes_and_countries_fold() -> None:
    assert town("Paris 16e") == town("PARIS CEDEX 16") == town("paris 16ème arrondissement") == "PARIS"
    assert town("Saint-Denis") == town("ST DENIS") == "STDENIS"
    assert town("Ermont") == "ERMONT"
    assert town("75") is None
    assert postal_code("75 016") == postal_code("75016") == "75016"
    assert postal_code("sw1a 1aa") == "SW1A1AA"
    assert [postal_code(told) for told in ("00000", "99999", "", None, "7")] == [None] * 5
    assert country("Côte d'Ivoire") == "COTEDIVOIRE"
    assert country(None) is None
