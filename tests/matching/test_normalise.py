"""Whatever a system tells becomes comparable or unknown, and never an error."""

from __future__ import annotations

import dataclasses
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.normalise import NORMALISERS, normalise
from matching.normalise.dates import partial_date
from matching.normalise.names import given_names
from matching.records import Identifier, RawRecord, Record

HOSTILE = {
    "empty": "",
    "blank": " ",
    "control characters": "\x00\x1f",
    "markup": "<script>alert(1)</script>",
    "half a surrogate": "\ud800",
    "a megabyte": "A" * 1_000_000,
    "a megabyte of accents": "é" * 1_000_000,
    "SQL": "' OR 1=1 --",
    "right to left": "\u202eabc",
    "an emoji": "🙂",
    "signs": "-'",
    "a ligature of eighteen letters": "ﷺ" * 2_000,
    "digits": "1" * 5_000,
}


@pytest.mark.parametrize(
    ("trait", "told", "expected", "why"),
    [
        ("sex", "m", "M", "a small letter"),
        ("sex", "2", "F", "a French register's number"),
        ("sex", "Féminin", "F", "a word"),
        ("sex", "O", "I", "DICOM's other"),
        ("sex", "U", None, "unknown"),
        ("multiple_birth", "2", 2, "the order"),
        ("multiple_birth", "true", 0, "the fact alone"),
        ("multiple_birth", "0", None, "denied"),
        ("multiple_birth", "12", None, "no order"),
        ("multiple_birth", "no", None, "denied"),
        ("death_date", "2020-02-30", None, "no such day"),
        ("used_given_name", "Manu", given_names(("Manu",)), "as a given name"),
        ("used_given_name", "", None, "not told"),
        (
            "attributes",
            frozenset({"doute", "FICTI", "homa", ""}),
            frozenset({"DOUT", "FICT", "HOMA"}),
            "old codes",
        ),
        ("flags", frozenset({"Newborn", " "}), frozenset({"newborn"}), "lower case"),
        ("country", "FRANCE", "FRANCE", "as told"),
        ("postal_code", "75016", "75016", "as told"),
    ],
)
def test_codes_are_read_in_their_usual_spellings(trait: str, told: Any, expected: Any, why: str) -> None:
    assert getattr(normalise(RawRecord(**{trait: told})), trait) == expected, why


@pytest.mark.parametrize(
    ("told", "attributes", "sends", "expected", "why"),
    [
        ("QUAL", (), True, "QUAL", "as told"),
        ("vali", (), True, "VALI", "a small letter"),
        (None, (), True, "PROV", "not told by an authority that tells"),
        ("XYZ", (), True, "PROV", "an unknown code"),
        ("QUAL", ("DOUTE",), True, "PROV", "doubtful forces it"),
        ("VALI", ("FICT",), True, "PROV", "fictitious forces it"),
        ("VALI", ("HOMA",), True, "VALI", "a homonym may be certain"),
        ("QUAL", (), False, None, "the status rule does not apply to this authority"),
        (None, (), False, None, "nor here"),
    ],
)
def test_status_counts_for_authorities_that_send_it(
    told: str | None, attributes: tuple[str, ...], sends: bool, expected: str | None, why: str
) -> None:
    raw = RawRecord(status=told, attributes=frozenset(attributes))
    assert normalise(raw, sends_status=sends).status == expected, why


@pytest.mark.parametrize(
    "told",
    [("BEBE",), ("Bébé", "Marie"), ("FILLE DE FATIMA",), ("JUMEAU 2",), ("SANS", "PRENOM"), ("Nouveau-né",)],
)
def test_a_provisional_name_of_a_newborn_is_no_name(told: tuple[str, ...]) -> None:
    record = normalise(RawRecord(given_names=told))
    assert record.given_names is None
    assert "newborn" in record.flags


def test_a_certified_child_may_be_called_bebe() -> None:
    record = normalise(RawRecord(given_names=("Bébé",), status="VALI"))
    assert record.given_names is not None
    assert "newborn" not in record.flags


def test_an_incomplete_or_completed_date_is_flagged() -> None:
    completed = normalise(RawRecord(birth_date="1958-03-01", flags=frozenset({"DATE_ESTIMATED"})))
    assert completed.birth_date == partial_date("1958-03-01", estimated=True)
    assert "date_estimated" in normalise(RawRecord(birth_date="1958-03")).flags
    assert "date_estimated" not in normalise(RawRecord(birth_date="1958-03-01")).flags


def test_identifiers_need_an_issuer_and_the_own_one_comes_first() -> None:
    others = (Identifier(value="7", issuer="b"), Identifier(value="9"), Identifier(value="7", issuer="B"))
    record = normalise(RawRecord(authority="A", local_id=" 42 ", identifiers=others))
    assert record.identifiers == (("A", "42"), ("B", "7"))


def test_every_trait_has_a_normaliser_and_a_place_in_the_record() -> None:
    """Red when a trait was added to one of RawRecord, Record and NORMALISERS and not to the others."""
    told = [trait.name for trait in dataclasses.fields(RawRecord)]
    assert told == [trait.name for trait in dataclasses.fields(Record)]
    assert told == list(NORMALISERS)


def test_nothing_told_is_nothing_known() -> None:
    assert normalise(RawRecord()) == Record()


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_values_never_raise(value: str) -> None:
    plain = {
        trait.name: value for trait in dataclasses.fields(RawRecord) if trait.type in ("str", "str | None")
    }
    record = normalise(
        RawRecord(
            **plain,
            given_names=(value,) * 50,
            phone=(value,) * 50,
            email=(value,) * 50,
            attributes=frozenset({value}),
            flags=frozenset({value}),
            identifiers=(Identifier(value=value, issuer=value, type=value),) * 50,
        )
    )
    assert isinstance(record, Record)


TEXT = st.none() | st.text(max_size=40)
TEXTS = st.lists(st.text(max_size=20), max_size=4)


@settings(max_examples=200, deadline=None)
@given(
    plain=st.fixed_dictionaries(
        {trait.name: TEXT for trait in dataclasses.fields(RawRecord) if trait.type == "str | None"}
    ),
    given=TEXTS,
    phone=TEXTS,
    email=TEXTS,
    codes=TEXTS,
)
def test_normalise_never_raises_and_is_a_function_of_the_text_alone(
    plain: dict[str, str | None], given: list[str], phone: list[str], email: list[str], codes: list[str]
) -> None:
    def told(form: str) -> RawRecord:
        def encoded(text: str) -> str:
            return unicodedata.normalize(form, text)  # type: ignore[arg-type]

        return RawRecord(
            **{trait: encoded(text) if text else text for trait, text in plain.items()},
            given_names=tuple(map(encoded, given)),
            phone=tuple(map(encoded, phone)),
            email=tuple(map(encoded, email)),
            attributes=frozenset(map(encoded, codes)),
        )

    assert normalise(told("NFC")) == normalise(told("NFD"))
