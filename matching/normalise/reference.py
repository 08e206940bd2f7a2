"""The reference tables of matching/data, read once: places, names, words of addresses, alphabets."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

_DATA = files("matching.data")


def _json(name: str) -> dict[str, Any]:
    content = (_DATA / name).read_bytes()
    table: dict[str, Any] = json.loads(gzip.decompress(content) if name.endswith(".gz") else content)
    return table


def _groups(rows: Iterable[Iterable[str]]) -> Mapping[str, frozenset[int]]:
    """Word -> numbers of the rows that hold it."""
    found: dict[str, set[int]] = defaultdict(set)
    for number, row in enumerate(rows):
        for word in row:
            found[word].add(number)
    return {word: frozenset(numbers) for word, numbers in found.items()}


_communes, _given, _words = _json("communes.json.gz"), _json("given_names.json"), _json("words.json")

FORMER_COMMUNES: Mapping[str, str] = _communes["former"]  # former INSEE code -> commune of today
REUSED_CODES: frozenset[str] = frozenset(
    _communes["reused"]
)  # communes of today that share a number with Algeria

PROVISIONAL_GIVEN_NAMES: frozenset[str] = frozenset(_given["provisional"])
DIMINUTIVES: Mapping[str, frozenset[int]] = _groups(_given["diminutives"])  # given name -> its groups

PARTICLES: frozenset[str] = frozenset(_words["particles"])
SPELLINGS: Mapping[str, str] = _words["spellings"]  # article or title -> its one spelling
NO_NAME: frozenset[str] = frozenset(_words["no_name"])  # words for unknown, titles, particles alone
NO_ADDRESS: frozenset[str] = frozenset(_words["no_address"])
NO_MAILBOX: frozenset[str] = frozenset(_words["no_mailbox"])
STREET_ABBREVIATIONS: Mapping[str, str] = _words["street_abbreviations"]
STREET_STOP_WORDS: frozenset[str] = frozenset(_words["street_stop_words"])

LATIN_LETTERS: Mapping[str, str] = {  # a letter of another alphabet -> letters of ours, as French spells it
    letter: latin
    for alphabet in _json("scripts.json")["latin_letters"].values()
    for letter, latin in alphabet.items()
}
