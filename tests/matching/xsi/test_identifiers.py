"""A-ID and E-ID: form, check digits and their limits, typed input."""

from __future__ import annotations

import random
import secrets
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.records import RawRecord
from matching.xsi.identifiers import (
    C32,
    PILOT_EPOCHS,
    PRODUCTION_EPOCHS,
    NotAnIdentifier,
    a_id,
    a_ids,
    canonical,
    check,
    check_digits,
    new_e_id,
)
from matching.xsi.records import XsiRecord, xsi_record

KEY = bytes(range(32))
ANNE = RawRecord(
    birth_name="Lefèvre", given_names=("Anne",), sex="F", birth_date="1958-02-28", birth_place="75116"
)


def record(**changes: Any) -> XsiRecord:
    found = xsi_record(replace(ANNE, **changes), today=date(2026, 11, 24))
    assert isinstance(found, XsiRecord)
    return found


E_IDS = st.builds(new_e_id, st.integers(0, 2**60 - 1).map(lambda bits: lambda _: bits))


def test_epoch_letters_are_the_alphabet_and_never_shared() -> None:
    assert sorted(PILOT_EPOCHS + PRODUCTION_EPOCHS) == [letter for letter in C32 if letter.isalpha()]


def test_an_e_id_asks_for_sixty_bits_and_shows_them_most_significant_first() -> None:
    asked: list[int] = []

    def bits(number: int) -> int:
        asked.append(number)
        return 1

    assert new_e_id(bits)[:-2] == "E000000000001"
    assert asked == [60]


@given(E_IDS)
def test_every_new_e_id_is_canonical_and_holds(identifier: str) -> None:
    assert len(identifier) == 15
    assert check(identifier)
    assert canonical(identifier) == identifier


def test_e_ids_of_a_random_source_differ() -> None:
    assert len({new_e_id(secrets.randbits) for _ in range(1000)}) == 1000


@given(E_IDS, st.sampled_from("- \u2011\u00a0"), st.integers(1, 14), st.booleans())
def test_typed_forms_lead_back(identifier: str, mark: str, place: int, lower: bool) -> None:
    typed = identifier[:place] + mark + identifier[place:].replace("0", "O").replace("1", "l")
    assert canonical(typed.lower() if lower else typed) == identifier


@pytest.mark.parametrize("typed", ["EU00000000000", "eu", "É123", "E1２3", "ııı", "Eſ"])
def test_a_u_or_an_accent_is_refused_without_repeating_it(typed: str) -> None:
    with pytest.raises(NotAnIdentifier) as refused:
        canonical(typed)
    assert typed not in str(refused.value)


@pytest.mark.parametrize(
    ("identifier", "why"),
    [
        ("", "nothing"),
        ("E", "no body"),
        ("E0123456789AB91\n", "a line end behind"),
        ("e0123456789ab91", "not canonical"),
        ("E0123456789AB٩١", "digits of another script"),
        ("E0123456789AB92", "another check"),
        ("X2A5JEXCH0W66CZ70PK549MV87", "another version"),
    ],
)
def test_what_does_not_hold(identifier: str, why: str) -> None:
    assert not check(identifier), why


def alike(one: str, other: str) -> bool:
    return one.isdigit() == other.isdigit()


@given(E_IDS, st.integers(1, 12), st.sampled_from(C32))
def test_a_substitution_of_a_digit_by_a_digit_or_a_letter_by_a_letter_is_caught(
    identifier: str, place: int, other: str
) -> None:
    if alike(identifier[place], other) and identifier[place] != other:
        assert not check(identifier[:place] + other + identifier[place + 1 :])


@given(E_IDS, st.integers(1, 11))
def test_a_swap_of_neighbours_is_caught_but_for_three_pairs(identifier: str, place: int) -> None:
    one, other = identifier[place], identifier[place + 1]
    swapped = identifier[:place] + other + one + identifier[place + 2 :]
    missed = {frozenset("1B"), frozenset("2M"), frozenset("3X")}
    assert check(swapped) is (one == other or frozenset((one, other)) in missed)


def test_half_a_percent_of_single_substitutions_is_missed() -> None:
    draw = random.Random(20261124)
    tried = missed = 0
    for _ in range(400):
        identifier = new_e_id(draw.getrandbits)
        for place in range(1, 13):
            for other in set(C32) - {identifier[place]}:
                tried += 1
                missed += check(identifier[:place] + other + identifier[place + 1 :])
    assert tried == 400 * 12 * 31
    assert 0.004 < missed / tried < 0.006


def test_check_digits_leave_a_remainder_of_one() -> None:
    for body in ("E000000000000", "EZZZZZZZZZZZZ"):
        number = int("".join(str(int(character, 36)) for character in body + check_digits(body)))
        assert number % 97 == 1


def test_the_a_id_carried_is_the_strongest() -> None:
    both = a_ids(record(), KEY, "P")
    assert list(both) == ["A4", "A5"]
    assert a_id(record(), KEY, "P") == both["A5"]
    assert a_id(record(birth_place=None), KEY, "P") == both["A4"]
    assert a_id(record(sex=None), KEY, "P") is None
    assert all(map(check, both.values()))


@pytest.mark.parametrize("epoch", [*PRODUCTION_EPOCHS, "", "PQ", "p"])
def test_pilot_mode_refuses_a_production_epoch(epoch: str) -> None:
    with pytest.raises(ValueError, match="pilot epoch"):
        a_ids(record(), KEY, epoch)


def test_pilot_mode_refuses_a_key_of_another_length() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        a_id(record(), KEY[:31], "P")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"birth_name": "Lefebvre"}, "another name"),
        ({"birth_date": "1958-03-28"}, "another date"),
        ({"sex": "M"}, "another sex"),
        ({"given_names": ("Annie",)}, "another given name"),
    ],
)
def test_a_correction_changes_the_a_id(changes: dict[str, Any], why: str) -> None:
    before, after = a_ids(record(), KEY, "P"), a_ids(record(**changes), KEY, "P")
    assert not set(before.values()) & set(after.values()), why


def test_another_key_gives_other_a_ids() -> None:
    assert a_id(record(), KEY, "P") != a_id(record(), KEY[::-1], "P")
