"""Which records XSI-1 takes: refusals and warnings in the order of the table; no social security number."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.nir import find_nir, nir_key
from matching.records import RawRecord
from matching.xsi.identifiers import a_ids
from matching.xsi.inputs import XsiInput, xsi_input
from matching.xsi.messages import messages
from matching.xsi.records import Refusal, XsiRecord, accept, paris_date, xsi_record

TODAY = date(2026, 11, 24)
PAUL = XsiInput(family="DURAND", given="PAUL", birth="19620415", sex="M")


def code(told: XsiInput) -> str | None:
    """The code of the refusal, None when the record is taken."""
    found = accept(told, today=TODAY)
    return found.code if isinstance(found, Refusal) else None


def taken(**changes: Any) -> XsiRecord:
    found = accept(replace(PAUL, **changes), today=TODAY)
    assert isinstance(found, XsiRecord)
    return found


@pytest.mark.parametrize(
    ("changes", "expected", "why"),
    [
        ({"status": "prov"}, "E_STATUS", "codes are upper case"),
        ({"status": ""}, None, "an empty status is absent"),
        ({"attributes": frozenset({" dout "})}, "E_ATTR", "every spelling of DOUT"),
        ({"attributes": frozenset({"FICTI"})}, "E_ATTR", "the old spelling of FICT"),
        ({"attributes": frozenset({"USUR"})}, "E_ATTR", "usurped"),
        ({"attributes": frozenset({"INVA"})}, "E_ATTR", "invalid"),
        ({"attributes": frozenset({"DPOT"})}, None, "an attribute without a rule"),
        ({"family": "", "used": ""}, "E_MISSING", "empty names are absent"),
        ({"birth": ""}, "E_MISSING", "an empty date is absent"),
        ({"given": "   "}, "E_EMPTY", "blanks are there, and hold no letter"),
        ({"family": None, "used": "A/B", "given": "C/D"}, "E_CHAR", "the given name is read first"),
        ({"family": None, "used": "Petit"}, None, "a used name stands in for the birth name"),
        ({"family": "A" * 101, "given": "---"}, "E_LENGTH", "the family name is read first"),
        ({"family": "AAA"}, "E_PLACEHOLDER", "one letter three times"),
        ({"family": "AA"}, None, "one letter twice is a name"),
        ({"given": "Prénom"}, "E_PLACEHOLDER", "a placeholder of given names"),
        ({"family": "Prénom"}, None, "which is no placeholder of family names"),
        ({"given": "Sans nom"}, None, "nor the other way round"),
        ({"given": "ENFANT", "status": "RECUP"}, "E_NEWBORN", "RECUP is not validated"),
        ({"given": "ENFANT", "status": "QUAL"}, None, "QUAL is"),
        ({"given": "Marie Enfant"}, None, "only the first word counts"),
        ({"birth": "00000101"}, "E_DATE", "there is no year 0"),
        ({"birth": "18991231"}, "E_PLACEHOLDER", "a default of systems"),
        ({"birth": "18700101"}, None, "the first day taken"),
        ({"birth": "18691231"}, "E_DATE", "the day before"),
        ({"birth": "20261124"}, None, "born today"),
        ({"birth": "20261125"}, "E_DATE", "born tomorrow"),
        ({"birth": "1962041"}, "E_DATE", "seven digits"),
        ({"sex": ""}, None, "an empty sex is unknown"),
        ({"sex": "m"}, "E_SEX", "codes are upper case"),
        ({"sex": "O", "birth": "19620230"}, "E_DATE", "the date outranks the sex"),
    ],
)
def test_refusals(changes: dict[str, Any], expected: str | None, why: str) -> None:
    assert code(replace(PAUL, **changes)) == expected, why


@pytest.mark.parametrize(
    ("changes", "warnings", "why"),
    [
        ({}, (), "nothing to warn of"),
        ({"used": "A/B", "cog": "1", "phone": "2"}, ("W_USED", "W_COG", "W_PHONE"), "in this order"),
        ({"used": "", "cog": "", "phone": ""}, (), "empty traits are absent"),
        ({"used": "-"}, ("W_USED",), "no letter"),
        ({"used": "AAAA"}, ("W_USED",), "a placeholder"),
        ({"cog": " 2a004 "}, (), "blanks and case play no part"),
        ({"phone": "1234567890123456"}, ("W_PHONE",), "sixteen digits"),
    ],
)
def test_a_bad_optional_trait_is_dropped_with_a_warning(
    changes: dict[str, Any], warnings: tuple[str, ...], why: str
) -> None:
    record = taken(**changes)
    assert record.warnings == warnings, why
    assert (record.used, record.phone) == (None, None)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("75101", "75056"),
        ("75120", "75056"),
        ("75121", "75121"),
        ("69381", "69123"),
        ("69389", "69123"),
        ("69380", "69380"),
        ("69390", "69390"),
        ("13201", "13055"),
        ("13216", "13055"),
        ("13217", "13217"),
        ("2b033", "2B033"),
        ("99352", "99352"),
        ("99999", None),
    ],
)
def test_arrondissements_are_their_city(told: str, kept: str | None) -> None:
    record = taken(cog=told)
    assert (record.cog, record.warnings) == (kept, ())


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("06 39 98 00 12", "639980012"),
        ("+33 (0)6-39.98/00\u00a012", "639980012"),
        ("639980012", "639980012"),
        ("0606060606", "606060606"),
        ("003363998001234", "998001234"),
    ],
)
def test_nine_digits_of_a_phone_are_kept(told: str, kept: str) -> None:
    assert taken(phone=told).phone == kept


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({}, set()),
        ({"birth": "19620101"}, {"weak_date"}),
        ({"birth": "19621231"}, {"weak_date"}),
        ({"birth_estimated": True}, {"weak_date"}),
        ({"multiple_birth": True}, {"multiple_birth"}),
        ({"attributes": frozenset({"HOMA"})}, {"homonym"}),
    ],
)
def test_flags(changes: dict[str, Any], flags: set[str]) -> None:
    assert taken(**changes).flags == flags


@pytest.mark.parametrize(
    ("changes", "families", "why"),
    [
        ({"cog": "75056"}, ["A4", "A5"], "all strict traits"),
        ({}, ["A4"], "no birthplace"),
        ({"sex": "I", "cog": "75056"}, [], "an unknown sex"),
        ({"birth_estimated": True, "cog": "75056"}, [], "a completed date"),
        ({"birth": "19621231", "cog": "75056"}, ["A4", "A5"], "a default date that nobody completed"),
        ({"family": None, "used": "PETIT", "cog": "75056"}, [], "a name of unknown kind"),
    ],
)
def test_families_emitted(changes: dict[str, Any], families: list[str], why: str) -> None:
    assert list(messages(taken(**changes))) == families, why


@pytest.mark.parametrize(
    ("told", "birth", "estimated"),
    [
        ("1958-02-28", "19580228", False),
        ("19580228", "19580228", False),
        ("1958-02", "19580201", True),
        ("195802", "19580201", True),
        ("1958-02-00", "19580201", True),
        ("1958-00-28", "19580128", True),
        ("1958", "19581231", True),
        ("1958-00", "19581231", True),
        ("1958-00-00", "19581231", True),
        ("28/02/1958", "28/02/1958", False),
        ("1958-2-28", "1958-2-28", False),
        ("", "", False),
        (None, None, False),
    ],
)
def test_incomplete_dates_are_completed_by_the_french_rules(
    told: str | None, birth: str | None, estimated: bool
) -> None:
    found = xsi_input(RawRecord(birth_date=told))
    assert (found.birth, found.birth_estimated) == (birth, estimated)


def test_the_public_schema_maps_to_the_input_record() -> None:
    raw = RawRecord(
        family_name="MARTIN",
        birth_name="LEFEVRE",
        given_names=("ANNE-LAURE", "MARIE"),
        sex="F",
        birth_date="1958-02-28",
        birth_place="75116",
        phone=("01 42 00 00 00", "faux", "06 39 98 00 12", "07 00 00 00 01"),
        multiple_birth="2",
        status="VALI",
        attributes=frozenset({"HOMA"}),
        flags=frozenset({"newborn", "date_estimated"}),
    )
    found = xsi_input(raw)
    assert {field.name: getattr(found, field.name) for field in fields(found)} == {
        "family": "LEFEVRE",
        "used": "MARTIN",
        "given": "ANNE-LAURE",
        "birth": "19580228",
        "birth_estimated": True,
        "sex": "F",
        "cog": "75116",
        "phone": "06 39 98 00 12",
        "status": "VALI",
        "attributes": frozenset({"HOMA"}),
        "multiple_birth": True,
        "birth_order": 2,
        "newborn_provisional": True,
    }


@pytest.mark.parametrize(
    ("order", "multiple", "place"),
    [(None, False, None), ("1", True, 1), ("0", True, None), ("oui", True, None)],
)
def test_a_multiple_birth_is_told_with_or_without_its_order(
    order: str | None, multiple: bool, place: int | None
) -> None:
    found = xsi_input(RawRecord(multiple_birth=order))
    assert (found.multiple_birth, found.birth_order) == (multiple, place)


@pytest.mark.parametrize(
    ("phones", "kept"), [((), None), (("01 42 00 00 00", "faux"), "01 42 00 00 00"), (("faux",), "faux")]
)
def test_without_a_mobile_the_first_phone_stands(phones: tuple[str, ...], kept: str | None) -> None:
    assert xsi_input(RawRecord(phone=phones)).phone == kept


def test_a_record_of_the_public_schema_is_accepted_or_refused() -> None:
    raw = RawRecord(birth_name="DURAND", given_names=("PAUL",), birth_date="1962-04-15", sex="M")
    assert isinstance(xsi_record(raw, today=TODAY), XsiRecord)
    assert xsi_record(replace(raw, given_names=()), today=TODAY) == Refusal("E_MISSING")


@pytest.mark.parametrize(("told", "kept"), [(None, "PROV"), ("", "PROV"), ("QUAL", "QUAL")])
def test_an_absent_status_is_provisional(told: str | None, kept: str) -> None:
    assert taken(status=told).status == kept


def test_today_is_that_of_paris() -> None:
    assert paris_date(datetime(2026, 11, 23, 22, 59, tzinfo=UTC)) == date(2026, 11, 23)
    assert paris_date(datetime(2026, 11, 23, 23, 0, tzinfo=UTC)) == date(2026, 11, 24)


def test_no_trait_shows_in_a_repr() -> None:
    for shown in (repr(PAUL), repr(taken())):
        assert "DURAND" not in shown
        assert "1962" not in shown


NUMBERS = st.builds(
    lambda sex, year, month, place: f"{sex}{year:02d}{month:02d}{place:05d}000",
    st.sampled_from("12"),
    st.integers(0, 99),
    st.integers(1, 12),
    st.integers(1001, 99999),
)
WRITINGS = st.sampled_from(
    ["{}", "NIR{}", "n° {}", " {} ", "DURAND {}", "{}-", "DURAND/{}/1", "\u00a0{}\u00a0", "{}\u2019"]
)
SEPARATORS = st.sampled_from(["", " ", ".", "-", "\u00a0", "\u2011"])
FIELDS = st.sampled_from(["family", "used", "given", "birth", "sex", "cog", "phone", "status", "attributes"])


def spaced(number: str, mark: str) -> str:
    groups = [(0, 1), (1, 3), (3, 5), (5, 7), (7, 10), (10, 13), (13, 15)]
    return mark.join(number[start:end] for start, end in groups if number[start:end])


@given(NUMBERS, WRITINGS, SEPARATORS, FIELDS)
def test_a_number_with_its_key_is_refused_in_every_field_and_shown_nowhere(
    number: str, writing: str, mark: str, field: str
) -> None:
    text = writing.format(spaced(number + nir_key(number), mark))
    told = replace(PAUL, **{field: frozenset({text}) if field == "attributes" else text})
    found = accept(told, today=TODAY)
    assert found == Refusal("E_NIR")
    assert number not in repr(found) + repr(told)


@given(NUMBERS, SEPARATORS, st.sampled_from(["family", "used", "given", "cog", "phone", "status"]))
def test_a_number_without_key_that_is_the_record_s_own_is_refused(number: str, mark: str, field: str) -> None:
    century = "20" if int(number[1:3]) < 20 else "19"
    own = replace(PAUL, birth=f"{century}{number[1:5]}01", sex={"1": "M", "2": "F"}[number[0]])
    assert code(replace(own, **{field: spaced(number, mark)})) == "E_NIR"


@given(
    st.builds(
        XsiInput,
        family=st.none() | st.text(max_size=20) | NUMBERS,
        used=st.none() | st.text(max_size=20) | NUMBERS,
        given=st.text("ABéè '-", min_size=1, max_size=10) | NUMBERS,
        birth=st.dates(date(1860, 1, 1), date(2030, 1, 1)).map(lambda day: f"{day:%Y%m%d}"),
        sex=st.sampled_from([None, "M", "F", "I"]),
        cog=st.none() | st.sampled_from(["75056", "2A004", "9"]) | NUMBERS,
        phone=st.none() | st.text("0123456789 .", max_size=20) | NUMBERS,
    )
)
def test_what_is_keyed_and_what_comes_out_holds_no_number(told: XsiInput) -> None:
    record = accept(told, today=TODAY)
    if isinstance(record, XsiRecord):
        keyed = [
            text
            for found in messages(record).values()
            for one in found
            for text in one.decode().split("\x1f")
        ]
        shown = [*keyed, *a_ids(record, bytes(32), "P").values()]
        assert not any(find_nir(text, kind="identifier") for text in shown)
