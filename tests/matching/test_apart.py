"""What says that two records are two people's, whatever agrees: a record and its own history."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from matching.checks import TWO_PEOPLE, apart
from matching.normalise import normalise
from matching.records import RawRecord

EMMA = RawRecord(
    family_name="LEBLANC",
    given_names=("EMMA",),
    sex="F",
    birth_date="2010-03-15",
    birth_place="86194",
    address="12 rue des Lilas",
    postal_code="86000",
    phone=("0612345699",),
)

# (why, change of the one, change of the other, codes)
APART: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str, ...]]] = [
    ("the same words", {}, {}, ()),
    ("a twin", {}, {"given_names": ("JULIE",)}, ("other-given-name",)),
    ("a brother", {}, {"given_names": ("LUCAS",), "sex": "M"}, ("other-given-name",)),
    ("brother and sister of one sound", {"given_names": ("DANIEL",), "sex": "M"},
     {"given_names": ("DANIELLE",)}, ("other-given-name",)),
    ("a usual name a letter apart", {"given_names": ("LEA",)}, {"given_names": ("LEO",)},
     ("other-given-name",)),
    ("compounds of one word", {"given_names": ("MARIE-CLAIRE",)}, {"given_names": ("MARIE-ANNE",)},
     ("other-given-name",)),
    ("father and son of one name", {}, {"birth_date": "1980-03-15"}, ("generations",)),
    ("father and son", {"given_names": ("PIERRE",), "sex": "M"},
     {"given_names": ("LUCAS",), "sex": "M", "birth_date": "1980-07-01"},
     ("other-given-name", "generations")),
    ("two birth orders", {"multiple_birth": "1"}, {"multiple_birth": "2"}, ("birth-order",)),
    ("neither name nor date", {}, {"family_name": "GARCIA", "birth_date": "2012-11-02"},
     ("other-name-and-date",)),
    ("a typing error", {"given_names": ("CATHERINE",)}, {"given_names": ("CATHERIEN",)}, ()),
    ("a transliteration", {"given_names": ("MOHAMED",), "sex": "M"},
     {"given_names": ("MUHAMMED",), "sex": "M"}, ()),
    ("a list that goes further", {}, {"given_names": ("EMMA", "LOUISE")}, ()),
    ("an initial", {}, {"given_names": ("E",)}, ()),
    ("a provisional name", {"given_names": ("BEBE",)}, {}, ()),
    ("a given name told late", {"given_names": ()}, {}, ()),
    ("a date corrected", {}, {"birth_date": "2010-05-13"}, ()),
    ("a marriage", {}, {"family_name": "GARCIA"}, ()),
    ("another sex, the same name", {}, {"sex": "M"}, ()),
    ("everything told late", {"family_name": None, "given_names": (), "birth_date": None}, {}, ()),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "codes"), [row[1:] for row in APART], ids=[row[0] for row in APART])
def test_two_people_by_what_they_tell(
    one: dict[str, Any], other: dict[str, Any], codes: tuple[str, ...]
) -> None:
    a, b = normalise(replace(EMMA, **one)), normalise(replace(EMMA, **other))
    assert apart(a, b) == apart(b, a) == codes


def test_every_code_is_tried() -> None:
    assert {code for row in APART for code in row[3]} == set(TWO_PEOPLE)
