"""French names that sound alike share a code, and no word makes an encoder raise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.phonetics import ENCODERS, phonex

VECTORS = json.loads((Path(__file__).parents[2] / "data/fixtures/xsi-1/vectors.json").read_text())["phonex"]

SOUND_ALIKE = [
    ("LEFEVRE", "LEFEBVRE", "a silent B"),
    ("LEFEVRE", "LEFEUVRE", "an old spelling"),
    ("DUPONT", "DUPOND", "a silent final letter"),
    ("PHILIPPE", "FILIPE", "PH is F"),
]
APART = [
    ("GOMES", "GOMEZ", "Phonex never stands alone: the spelling rule joins these"),
    ("THIBAUT", "THIBAULT", "nor these: the typing-error level does"),
    ("MOHAMED", "MOHAMMED", "nor these: the transliteration skeleton does"),
]


@pytest.mark.parametrize("vector", VECTORS["published_14"] + VECTORS["on_n1_words"], ids=lambda v: v["word"])
def test_phonex_gives_the_published_code(vector: dict[str, str]) -> None:
    assert phonex(vector["word"]) == vector["code"]


@pytest.mark.parametrize(("one", "other", "why"), SOUND_ALIKE)
def test_names_that_sound_alike_share_a_code(one: str, other: str, why: str) -> None:
    assert phonex(one) == phonex(other), why


@pytest.mark.parametrize(("one", "other", "why"), APART)
def test_phonex_keeps_apart_what_another_level_joins(one: str, other: str, why: str) -> None:
    assert phonex(one) != phonex(other), why


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize(
    "word", ["", "王小明", "МАРИЯ", "1234", "O'BRIEN", "\x00\x1f", "\ud800", "A" * 1_000_000]
)
def test_no_word_makes_an_encoder_raise(name: str, word: str) -> None:
    assert isinstance(ENCODERS[name](word), str)


@pytest.mark.parametrize("name", ENCODERS)
@settings(deadline=None)
@given(word=st.text())
def test_a_code_is_ascii_and_the_case_of_the_word_is_nothing_to_it(name: str, word: str) -> None:
    code = ENCODERS[name](word)
    assert code.isascii()
    assert code == ENCODERS[name](word.upper())
