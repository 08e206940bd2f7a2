"""The detector of social security numbers. Numbers here are published examples or built with order 000."""

from __future__ import annotations

import json
import re
import sys
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum.fr import nir as stdnum_nir

from matching import nir
from matching.nir import find_nir, is_typed_ins, may_hold_nir, nir_key

VECTORS = Path(__file__).parents[2] / "data" / "fixtures" / "xsi-1" / "vectors.json"
PART: dict[str, Any] = json.loads(VECTORS.read_text())["nir"]

DEPARTMENTS = [f"{number:02d}" for number in range(1, 100) if number != 20] + ["2A", "2B"]


def number_of(sex: str = "2", year: str = "95", month: str = "10", place: str = "99126") -> str:
    """Thirteen characters of nobody: order number 000."""
    return f"{sex}{year}{month}{place}000"


def keyed(number: str) -> str:
    return number + nir_key(number)


def grouped(number: str, separators: str | list[str]) -> str:
    """The groups 1-2-2-2-3-3-(2) with separators between."""
    groups = [
        number[start:end] for start, end in [(0, 1), (1, 3), (3, 5), (5, 7), (7, 10), (10, 13), (13, 15)]
    ]
    groups = [group for group in groups if group]
    marks = separators if isinstance(separators, list) else [separators] * 6
    return "".join(a + b for a, b in zip(groups, [*marks[: len(groups) - 1], ""], strict=True))


NUMBERS = st.builds(
    lambda sex, year, month, department, commune: number_of(
        sex, f"{year:02d}", f"{month:02d}", f"{department}{commune:03d}"
    ),
    st.sampled_from("12"),
    st.integers(0, 99),
    st.integers(1, 12),
    st.sampled_from(DEPARTMENTS),
    st.integers(1, 999),
)


@pytest.mark.parametrize("vector", PART["text"], ids=lambda vector: f"{vector['id']} {vector['why']}")
def test_every_text_vector(vector: dict[str, Any]) -> None:
    found = find_nir(vector["text"], kind=vector["kind"], **vector.get("record", {}))
    outcome = "clear" if found is None else "suspect" if found.suspect else "nir"
    assert (outcome, found.rule if found else None) == (vector["expect"], vector["rule"])


@pytest.mark.parametrize("vector", PART["typed"], ids=lambda vector: vector["id"])
def test_every_typed_vector(vector: dict[str, Any]) -> None:
    typed = is_typed_ins(vector.get("system") or vector.get("cx4"), vector.get("cx5"))
    assert typed is (vector["expect"] == "nir")


@pytest.mark.parametrize(
    ("issuer", "type", "typed", "why"),
    [
        (None, None, False, "nothing is told"),
        ("", "", False, "empty parts tell nothing"),
        ("1.2.250.1.213.1.4.8", "PI", True, "the OID outranks the type"),
        ("urn:oid:1.2.250.1.213.1.4.80", None, False, "a longer arc is another namespace"),
        ("1.2.250.1.213.1.4", None, False, "the arc above is not an INS"),
        ("HOPITAL&1.2.250.1.213.1.4.9&ISO", None, True, "CX.4 with its universal id"),
        ("asip-santé", "ins-nir", True, "a type in lower case"),
        ("HOPITAL-A", "PI", False, "a local number"),
    ],
)
def test_typed_by_issuer_or_type(issuer: str | None, type: str | None, typed: bool, why: str) -> None:
    assert is_typed_ins(issuer, type) is typed, why


@pytest.mark.parametrize(
    ("text", "rule", "why"),
    [
        ("SECU {n}", "R2", "a space after a word is no barrier"),
        ("sécu{n}", "R2", "an announcing word with its accent"),
        ("matricule{n}", "R2", "the longest announcing word"),
        ("XMATRICULE{n}", None, "a longer word only ends like one"),
        ("ABCDEFGHIJKLMNIR{n}", None, "nor does a long run of letters"),
        ("REF{n}", None, "any other letter in front"),
        ("é{n}", None, "an accented letter in front"),
        ("e\u0301{n}", None, "the same letter, decomposed"),
        ("_{n}", "R2", "an underscore is no letter"),
        ("{n}.", "R2", "a full stop behind"),
        ("{n}.5", None, "a decimal point behind"),
        (".{n}", "R2", "a dot in front that follows no digit"),
        ("5.{n}", None, "a dot in front that follows a digit"),
        ("5 {n}", "R2", "another number before it"),
        ("{n}é", None, "a letter behind"),
        ("{n}/2", "R2", "a slash behind"),
        ("01/02/2020 {n} {n}", "R2", "the first of two"),
    ],
)
def test_barriers_and_announcing_words(text: str, rule: str | None, why: str) -> None:
    found = find_nir(text.format(n=keyed(number_of())), kind="text")
    assert (found.rule if found else None) == rule, why


@pytest.mark.parametrize(
    ("number", "rule", "why"),
    [
        (number_of(month="13"), None, "no month 13 in a keyed number"),
        (number_of(month="20"), "R2", "incomplete act"),
        (number_of(month="42"), "R2", "incomplete act"),
        (number_of(month="43"), None, "between the two ranges"),
        (number_of(month="50"), "R2", "incomplete act"),
        (number_of(month="99"), "R2", "incomplete act"),
        (number_of(month="00"), None, "no month 00"),
        (number_of(sex="8"), "R2", "being registered"),
        (number_of(sex="4"), "R2", "being registered"),
        (number_of(sex="5"), None, "no such first digit"),
        (number_of(place="2C004"), None, "2C is no department"),
    ],
)
def test_a_valid_key_needs_a_possible_number(number: str, rule: str | None, why: str) -> None:
    digits = number.replace("2C", "23")
    found = find_nir(number + nir_key(digits))
    assert (found.rule if found else None) == rule, why


@pytest.mark.parametrize(
    ("birth", "sex", "rule", "why"),
    [
        ("19951003", "F", "R3", "year, month and sex agree"),
        ("1995-10-03", "F", "R3", "the date with hyphens"),
        ("2095-10", None, "R3", "the century and the day play no part"),
        ("19951003", "O", "R3", "an unknown sex decides nothing"),
        ("19951003", "M", "R4", "another sex"),
        ("19951103", "F", "R4", "another month"),
        ("19941003", "F", "R4", "another year"),
        ("03/10/1995", "F", "R4", "a date that can't be read agrees with nothing"),
        ("", "F", "R4", "no date told"),
        (None, None, "R4", "nothing known"),
    ],
)
def test_a_number_without_key_must_agree_with_the_record(
    birth: str | None, sex: str | None, rule: str, why: str
) -> None:
    found = find_nir(number_of(), kind="identifier", birth=birth, sex=sex)
    assert found is not None
    assert (found.rule, found.suspect) == (rule, rule == "R4"), why


@pytest.mark.parametrize(
    ("number", "rule", "why"),
    [
        (number_of(month="01"), "R4", "January"),
        (number_of(month="12"), "R4", "December"),
        (number_of(month="13"), None, "no such month"),
        (number_of(month="20"), None, "an incomplete act needs its key"),
        (number_of(sex="3"), None, "and so does a person being registered"),
    ],
)
def test_without_a_key_only_a_full_number_is_suspect(number: str, rule: str | None, why: str) -> None:
    found = find_nir(f"id {number}", kind="identifier")
    assert (found.rule if found else None) == rule, why
    if found is not None:
        assert (found.start, found.end) == (3, 16)


def test_a_refused_number_outranks_a_suspect_one_and_the_first_suspect_stands() -> None:
    suspect, other, refused = number_of(), number_of(month="11"), keyed(number_of(year="70"))
    text = f"{suspect}; {other}; {refused}"
    found = find_nir(text, kind="identifier")
    assert found is not None
    assert text[found.start : found.end] == refused
    found = find_nir(f"{suspect}; {other}", kind="identifier")
    assert found is not None
    assert (found.start, found.rule) == (0, "R4")


@given(NUMBERS)
def test_the_key_is_that_of_stdnum(number: str) -> None:
    assert nir_key(number) == stdnum_nir.calc_check_digits(number)
    assert stdnum_nir.is_valid(keyed(number))
    assert nir_key(number.lower()) == nir_key(number)


@given(NUMBERS, st.integers(0, 99))
def test_only_the_right_key_refuses_by_itself(number: str, key: int) -> None:
    found = find_nir(f"{number}{key:02d}")
    assert (found is not None) is stdnum_nir.is_valid(f"{number}{key:02d}")


@given(
    NUMBERS,
    st.lists(st.sampled_from(["", " ", ".", "-", "\u00a0", "\u202f", "–", "\u2212", "\u00ad"]), min_size=6),
    st.sampled_from(["", "Œuvre n° ", "née le 3, ", "ﬁche ", "⑫ "]),
    st.booleans(),
)
def test_the_place_found_is_that_in_the_text_as_given(
    number: str, marks: list[str], before: str, wide: bool
) -> None:
    written = grouped(keyed(number), marks)
    if wide:
        written = written.translate({ord("0") + digit: ord("０") + digit for digit in range(10)})
    text = f"{before}{written}, voilà"
    found = find_nir(text)
    assert found is not None
    assert found.rule == "R2"
    assert text[found.start : found.end] == written


@given(NUMBERS, st.sampled_from(["٠", "०", "𝟎"]))
def test_digits_of_other_scripts_are_read(number: str, zero: str) -> None:
    assume(number[5:7].isdigit())  # nobody writes 2A with such a 2
    written = keyed(number).translate({ord("0") + digit: ord(zero) + digit for digit in range(10)})
    assert find_nir(written) is not None


@given(NUMBERS, st.text(max_size=40), st.text(max_size=40))
def test_a_number_is_found_whatever_stands_around_it(number: str, before: str, behind: str) -> None:
    assert find_nir(f"{before} {keyed(number)} {behind}") is not None


@given(st.text(alphabet=st.characters(exclude_categories=["Nd", "Nl", "No", "So"]), max_size=200))
def test_a_text_without_digits_is_clear(text: str) -> None:
    assert find_nir(text, kind="identifier") is None


@given(st.integers(0, 10**13 - 1))
def test_a_uid_is_never_a_number(arc: int) -> None:
    assert find_nir(f"1.2.840.113619.{arc}.{keyed(number_of())}.1", kind="identifier") is None


@pytest.mark.parametrize(
    ("data", "decode", "why"),
    [
        (keyed(number_of()).encode(), True, "plain digits"),
        (grouped(number_of(place="2A004"), " ").encode(), True, "grouped, Corsica"),
        (b"1.2.840.113619.2.55.3.604688119", False, "a UID"),
        (number_of().encode(), True, "the shortest"),
        (b"DUPONT^JEAN", False, "short"),
        (b"DUPONT^MARIE-CHRISTINE", False, "letters only"),
        ("Lefèvre^Marie-Noëlle".encode("latin-1"), True, "eight-bit text has to be decoded"),
        ("２５５０８１４１６８０２５３８".encode(), True, "full-width digits in UTF-8"),
        ("２５５０８１４１６８０２５３８".encode("iso2022_jp"), True, "full-width digits behind an escape"),
    ],
)
def test_bytes_that_need_decoding(data: bytes, decode: bool, why: str) -> None:
    assert may_hold_nir(data) is decode, why
    assert may_hold_nir(memoryview(data)) is decode, why


@given(
    st.text(alphabet=st.sampled_from("0123456789 .-AB,é２"), max_size=60),
    st.sampled_from(["utf-8", "gb18030"]),
)
def test_bytes_called_clear_hold_nothing(text: str, charset: str) -> None:
    if not may_hold_nir(text.encode(charset)):
        assert find_nir(text, kind="identifier") is None


def _in_one_piece(text: str) -> str | None:
    """The rule found when the whole text is flattened at once: slow, and plain to see."""
    flat = nir._flat(text)
    rules = [
        nir._rule(candidate, kind="text", birth=None, sex=None)
        for candidate in nir._CANDIDATE.finditer(flat)
        if nir._stands_alone(flat, candidate.start())
    ]
    return next(filter(None, rules), None)


@given(
    st.lists(
        st.one_of(
            st.builds(grouped, NUMBERS.map(keyed), st.sampled_from(["", " ", "\u00a0"])),
            st.sampled_from(
                ["é" * 70, "1", "²", "⒈", "⑫", "½", ".", " ", "A", "NIR", "2" * 70, "３ " * 40, "12 ."]
            ),
        ),
        max_size=9,
    ),
    st.booleans(),
)
def test_a_text_in_parts_says_the_same_as_in_one_piece(pieces: list[str], wide: bool) -> None:
    text = "".join(pieces) + "中"  # never ASCII
    if wide:
        text = text.translate({ord("0") + digit: ord("０") + digit for digit in range(10)})
    found = find_nir(text)
    assert (found.rule if found else None) == _in_one_piece(text)
    if found:
        assert _in_one_piece(text[found.start : found.end]) == "R2"


@pytest.mark.parametrize(
    ("data", "kind", "found", "why"),
    [
        (f"\0{keyed(number_of())}\0 {keyed(number_of(month='11'))}", "text", ["R2", "R2"], "every one"),
        (f"7{' ' * 34}{keyed(number_of())}", "text", ["R2"], "behind a digit and spaces"),
        (grouped(keyed(number_of(place="2a004")), "\u00a0"), "text", ["R2"], "no-break spaces, lower case"),
        (number_of(), "text", [], "nothing confirms it"),
        (number_of(), "identifier", ["R4"], "it has the form"),
        (f"REF{keyed(number_of())}", "text", [], "a letter in front"),
    ],
)
def test_numbers_in_bytes(data: str, kind: nir.Kind, found: list[str], why: str) -> None:
    told = data.encode("latin-1")
    findings = list(nir.nirs_in_bytes(told, kind=kind))
    assert [one.rule for one in findings] == found, why
    assert all(find_nir(data[one.start : one.end], kind=kind) for one in findings)


def test_where_a_part_begins_is_no_barrier() -> None:
    """The second part starts with a number that in the text stands behind another digit."""
    text = "é" + "1" * 938 + keyed(number_of()) + " " + "1" * 100
    assert [offset for offset, _ in nir._parts(text)] == [0, 939]
    assert text[939:].startswith(keyed(number_of()))
    assert find_nir(text) is None


def test_every_character_that_flattens_to_a_digit_counts_as_one() -> None:
    for letter in map(chr, range(128, sys.maxunicode + 1)):
        digits = re.findall(r"\d+", unicodedata.normalize("NFKC", letter))
        assert bool(digits) == (re.fullmatch(nir._DIGIT, letter) is not None), f"{ord(letter):x}"
        assert all(len(run) <= 2 for run in digits)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("é" * 5_000_000 + " {n}", id="a number behind many letters"),
        pytest.param("²" * 2_000_000 + " {n}", id="behind digits of another kind"),
        pytest.param("é 1" * 1_000_000 + " {n}", id="behind sparse digits"),
        pytest.param("2 95 10 99 126 000 é " * 20_000 + " {n}", id="behind much that might be one"),
    ],
)
def test_long_texts_that_are_not_ascii_take_linear_time(text: str) -> None:
    written = keyed(number_of())
    text = text.format(n=written)
    start = time.process_time()
    found = find_nir(text, kind="identifier")
    assert time.process_time() - start < 2.0
    assert found is not None
    assert text[found.start : found.end] == written


@pytest.mark.parametrize("text", ["1 " * 50_000, "1" * 100_000, "é " + "12 " * 30_000, "NIR" * 40_000])
def test_long_texts_take_linear_time(text: str) -> None:
    start = time.perf_counter()
    assert find_nir(text, kind="identifier") is None
    assert time.perf_counter() - start < 5.0
