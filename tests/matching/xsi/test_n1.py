"""N1: names to words of A-Z, the same for every way of typing one name, or a refusal."""

from __future__ import annotations

import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.xsi import n1

DIGEST_OF_N1 = "5902eed08747fcbbb6d6f75e7e718fe3a66576f536e74adef5ff5ab28c2fd73e"
RANGES = [(0x20, 0x24F), (0x259, 0x259), (0x2B9, 0x2BF), (0x300, 0x36F), (0x1E00, 0x1EFF), (0x2000, 0x206F)]
NEAR_NAMES = st.one_of(
    *(st.characters(min_codepoint=first, max_codepoint=last) for first, last in RANGES),
    st.sampled_from("ﬁﬂﬆ\u2212\ufeffＡｚßẞŒœ\u0385\u1fed\u1fc1"),
)
SOFT = st.sampled_from("aeéÉèïoôuüçñŒœßøŁ -'’.\u00ad\u0301\u0308\u00a8")
NAMES = st.one_of(
    st.text(SOFT, max_size=30),
    st.text(NEAR_NAMES, max_size=12),
    st.text(max_size=12),
    st.text(SOFT, max_size=130),
)


def outcome(name: str) -> n1.Words | str:
    """The words, or the code of the refusal."""
    try:
        return n1.words(name)
    except n1.Refused as refused:
        return refused.code


@pytest.mark.parametrize(
    ("forms", "words"),
    [
        (["LEFÈVRE-D'ORMESSON", "lefevre d ormesson", "Lefèvre‑d’Ormesson"], ("LEFEVRE", "D", "ORMESSON")),
        (["ŒUVRARD", "Oeuvrard", "œuvrard"], ("OEUVRARD",)),
        (["Strauß", "STRAUẞ", "STRAUSS"], ("STRAUSS",)),
        (["De\u200b\u00adLa", "DELA", "De·La"], ("DELA",)),
        (["Þór Ðað", "Thor Dad"], ("THOR", "DAD")),
    ],
)
def test_every_way_of_typing_gives_the_same_words(forms: list[str], words: tuple[str, ...]) -> None:
    assert {outcome(form) for form in forms} == {words}


@pytest.mark.parametrize(
    ("name", "code", "why"),
    [
        ("", "E_EMPTY", "no letter at all"),
        ("\u0301", "E_EMPTY", "an accent alone"),
        ("A" * 100 + "B", "E_LENGTH", "101 letters"),
        ("ß" * 51, "E_LENGTH", "the folded letters count"),
        ("A/" + "B" * 200, "E_CHAR", "a refused character outranks the length"),
        ("\u200e", "E_CHAR", "in the ranges, but no rule keeps it"),
        ("½", "E_CHAR", "decomposes into digits"),
        ("\ud800", "E_CHAR", "half of a surrogate pair"),
        ("A\u00a8\u0301B", "E_CHAR", "composes to a character outside the ranges"),
        ("A\u0385B", "E_CHAR", "the same, composed"),
    ],
)
def test_refusals(name: str, code: str, why: str) -> None:
    assert outcome(name) == code, why


def test_a_hundred_letters_pass_whatever_breaks_them() -> None:
    assert outcome(" ".join("A" * 100)) == ("A",) * 100


def test_a_refusal_says_nothing_of_the_name() -> None:
    with pytest.raises(n1.Refused) as refused:
        n1.words("DUPONT/SECRET")
    assert str(refused.value) == "E_CHAR"
    assert refused.value.__cause__ is None


@given(NAMES)
def test_words_are_letters_and_n1_is_idempotent(name: str) -> None:
    words = outcome(name)
    if isinstance(words, tuple):
        assert words
        assert all(word.isascii() and word.isalpha() and word.isupper() for word in words)
        assert n1.words(" ".join(words)) == words
        assert n1.letters(n1.words(n1.letters(words))) == n1.letters(words)


@given(NAMES)
def test_composed_and_decomposed_input_have_one_result(name: str) -> None:
    assert outcome(unicodedata.normalize("NFC", name)) == outcome(unicodedata.normalize("NFD", name))


@given(st.text(SOFT, max_size=40))
def test_case_plays_no_part(name: str) -> None:
    assert outcome(name.upper()) == outcome(name.lower()) or "ß" in name


def test_n1_is_frozen() -> None:
    """The outcome for each character of the basic plane; another digest is another normalisation letter."""
    outcomes = [outcome(f"A{chr(point)}B") for point in range(0x10000)]
    assert sum(found != "E_CHAR" for found in outcomes) == 819
    assert hashlib.sha256(repr(outcomes).encode()).hexdigest() == DIGEST_OF_N1
