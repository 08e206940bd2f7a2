"""Telephone numbers, e-mail addresses and postal addresses."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from matching.normalise.reference import NO_ADDRESS, NO_MAILBOX, STREET_ABBREVIATIONS, STREET_STOP_WORDS
from matching.normalise.text import words
from matching.records import Address, Phone

SHORTEST_USER = 6  # characters before the @ that say something of a person
MOST_VALUES = 8  # telephone numbers, or e-mail addresses, read of one record
NATIONAL_DIGITS = 9
_SEPARATORS = re.compile(r"[;,|/]|\bou\b", re.IGNORECASE)
_NOT_A_DIGIT = re.compile(r"\D", re.ASCII)
_TRUNK_ZERO = re.compile(r"\(0\)")
_LONGEST_NUMBER = 15  # digits (E.164)
_FILLERS = frozenset({"123456789", "612345678", "102030405", "987654321"})
_FEWEST_DIGITS = 3  # different ones after the first, in a number that somebody has
_MAILBOX = re.compile(r"([^@\s]{1,64})@([^@\s.]+(?:\.[^@\s.]+)+)")
_HOUSE = re.compile(r"(\d+)([A-Z]?)", re.ASCII)
_SUFFIXES = {"BIS": "B", "TER": "T", "QUATER": "Q", "A": "A", "B": "B", "C": "C"}


@lru_cache(maxsize=16_384)
def _phone(text: str) -> Phone | None:
    digits = _NOT_A_DIGIT.sub("", _TRUNK_ZERO.sub("", unicodedata.normalize("NFKC", text)))
    if not NATIONAL_DIGITS <= len(digits) <= _LONGEST_NUMBER + 2:  # two for the 00 of an international call
        return None
    number = digits[-NATIONAL_DIGITS:]
    if number in _FILLERS or len(set(number[1:])) < _FEWEST_DIGITS:
        return None
    return Phone(number=number, mobile=number[0] in "67")


def phones(texts: tuple[str, ...]) -> tuple[Phone, ...]:
    """The telephone numbers told, each once, by their last nine digits. A text may hold several."""
    found: dict[str, Phone] = {}
    for text in texts[:MOST_VALUES]:
        short = text[:200]
        whole = _phone(short)
        for number in (whole,) if whole else map(_phone, _SEPARATORS.split(short)):
            if number is not None:
                found.setdefault(number.number, number)
    return tuple(found.values())


def emails(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The e-mail addresses told, each once, in lower case without +tag; shared and filler ones left out."""
    found: dict[str, None] = {}
    for text in texts[:MOST_VALUES]:
        match = _MAILBOX.fullmatch(unicodedata.normalize("NFKC", text[:320]).strip().lower())
        if match is not None and (user := match[1].split("+", 1)[0]) and user not in NO_MAILBOX:
            found[f"{user}@{match[2]}"] = None
    return tuple(found)


def address(text: str | None) -> Address | None:
    """The line of a postal address; None when not told, a placeholder, or without a street."""
    found = words(text)
    if not found or "".join(found) in NO_ADDRESS:
        return None
    number: str | None = None
    street: list[str] = []
    for word in found:
        house = _HOUSE.fullmatch(word)
        if house and number is None:
            number = (house[1].lstrip("0") or "0") + house[2]
        elif word in _SUFFIXES and number is not None and not street:
            number += _SUFFIXES[word]
        else:
            spelt = STREET_ABBREVIATIONS.get(word, word)
            if spelt not in STREET_STOP_WORDS:
                street.append(spelt)
    return Address(number=number, street=tuple(street)) if street else None
