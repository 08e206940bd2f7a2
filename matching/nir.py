"""Finds a French social security number (NIR) in a text, so that a door can refuse it; keeps no trace.

A number has 13 characters: sex 1, year 2, month 2, place 5 (department and commune, or 99 and country),
order 3; then often a key of two digits. Rules, strongest first:

R1 typed as one (`is_typed_ins`): always.
R2 15 characters with a valid key: always.
R3 13 characters, or 15 with a wrong key, whose year, month and (when known) sex are the record's own.
R4 the same without that agreement, in an identifier field: not refused, counted as suspect.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Rule = Literal["R2", "R3", "R4"]
Kind = Literal["text", "identifier"]

_SHORTEST = 13
_INS_OIDS = frozenset(f"1.2.250.1.213.1.4.{arc}" for arc in (2, 8, 9, 10, 11))
_INS_TYPES = frozenset({"INS", "INS-NIR", "INS-NIA", "INS-C"})
_INS_ISSUER = "ASIP-SANTE-INS"
_KEYWORDS = frozenset({"NIR", "NIA", "INS", "SS", "NSS", "SECU", "SÉCU", "MATRICULE"})
_LONGEST_KEYWORD = max(map(len, _KEYWORDS))
_CORSICA = {"2A": "19", "2B": "18"}
_SEX_DIGIT = {"M": 1, "F": 2}

_KEYED_FIRST_DIGITS = frozenset({1, 2, 3, 4, 7, 8})
_KEYED_MONTHS = frozenset({*range(1, 13), *range(20, 43), *range(50, 100)})
_FIRST_DIGITS = frozenset(_SEX_DIGIT.values())
_MONTHS = frozenset(range(1, 13))

_DASHES = str.maketrans(
    dict.fromkeys(
        "\u00ad\u058a\u05be\u1400\u1806\u2010\u2012\u2013\u2014\u2015"
        "\u2043\u2053\u2212\u2e3a\u2e3b\u301c\u3030",
        "-",
    )
)

# The first digit is consumed, the rest only looked at: candidates may overlap, the engine skips to digits.
# Barriers in front: a digit, or a dot after a digit. Behind: a digit, a letter, or a dot before a digit.
_SHAPE = (
    r"(\d)(?<!\d\d)(?<!\d\.\d)"
    r"(?=[ .-]?(\d\d)[ .-]?(\d\d)[ .-]?(\d\d|2[ABab])[ .-]?(\d{3})[ .-]?(\d{3})"
    r"(?:[ .-]?(\d\d))?(?![^\W_]|\.\d))"
)
_CANDIDATE = re.compile(_SHAPE)
_CANDIDATE_BYTES = re.compile(_SHAPE.encode("ascii"))
_LETTERS_BEFORE = re.compile(r"[^\W\d_]*\Z")
# A character that is a digit, or that NFKC turns into some: 2 at the most side by side. 2A and 2B leave
# twelve digits of the thirteen characters, and no more than a letter and a separator between two of them.
_DIGIT = (
    r"[\d²³¹¼-¾\u2070\u2074-\u2079\u2080-\u2089\u2150-\u215f\u2189\u2460-\u249b\u24ea\u3251-\u325f\u32b1-\u32cb"
    r"\u3358-\u3370\u3378\u3379\u339f-\u33a6\u33a8\u33af\u33e0-\u33fe\U0001f100-\U0001f10a]"
)
_CLUSTER = re.compile(rf"{_DIGIT}(?:.{{0,2}}?{_DIGIT}){{5,1000}}", re.DOTALL)
_AROUND = 64  # characters around a cluster that decide over it, and more than a number has
_OVERLAP = 24  # a number that starts nearer to the edge of a part was seen whole in the part before
_NOT_PLAIN_ASCII = re.compile(rb"[\x1b\x80-\xff]")
_BIRTH = re.compile(r"[0-9]{2}([0-9]{2})-?([0-9]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class NirFinding:
    """Where a number stands in the text as given (`text[start:end]`) and the rule that found it."""

    rule: Rule
    start: int
    end: int

    @property
    def suspect(self) -> bool:
        """True for R4: accept the value, count it."""
        return self.rule == "R4"


def nir_key(number: str) -> str:
    """The two-digit key of the first 13 characters: 97 - (number mod 97), 2A read as 19 and 2B as 18."""
    department = number[5:7].upper()
    return f"{97 - int(number[:5] + _CORSICA.get(department, department) + number[7:]) % 97:02d}"


def is_typed_ins(issuer: str | None, type: str | None) -> bool:
    """R1: the issuer (OID, urn:oid:, name or HL7 CX.4) or the type (CX.5) says that the identifier is an INS.

    Type NH alone does not; with an INS OID the OID decides. Test and demonstration OIDs count.
    """
    if type is not None and type.strip().upper() in _INS_TYPES:
        return True
    components = (issuer or "").upper().replace("URN:OID:", "").split("&")
    return any(part.strip() in _INS_OIDS or part.strip().startswith(_INS_ISSUER) for part in components)


def find_nir(
    text: str, *, kind: Kind = "text", birth: str | None = None, sex: str | None = None
) -> NirFinding | None:
    """The first number that R2 or R3 refuses; else the first suspect (R4) of an identifier field; else None.

    `birth` (YYYYMMDD or YYYY-MM-DD) and `sex` (M, F; anything else is unknown) are those of the record the
    text came with. Compatibility forms (full-width digits, no-break spaces), any dash and the digits of
    other scripts are read.
    """
    if len(text) < _SHORTEST and text.isascii():
        return None
    found: NirFinding | None = None
    for offset, part in _parts(text):
        flat = part if part.isascii() else _flat(part)
        for candidate in _CANDIDATE.finditer(flat):
            if not _stands_alone(flat, candidate.start()):
                continue
            rule = _rule(candidate, kind=kind, birth=birth, sex=sex)
            if rule is None or (rule == "R4" and found is not None):
                continue
            start, end = candidate.start(), max(candidate.end(6), candidate.end(7))
            if flat is not part:
                start, end = _in_original(part, start, end)
            if offset and start < _OVERLAP:
                continue
            found = NirFinding(rule=rule, start=offset + start, end=offset + end)
            if rule != "R4":
                return found
    return found


def may_hold_nir(data: bytes | bytearray | memoryview) -> bool:
    """False when no character set could make a NIR of these bytes: no need to decode them.

    Pure ASCII without escape sequences is judged by its shape; any other bytes of 13 or more must be decoded.
    """
    if len(data) < _SHORTEST:
        return False
    return _NOT_PLAIN_ASCII.search(data) is not None or _CANDIDATE_BYTES.search(data) is not None


def nirs_in_bytes(data: bytes | bytearray | memoryview, *, kind: Kind = "text") -> Iterator[NirFinding]:
    """Every number in bytes of no known structure, written in ASCII or with Latin-1's no-break spaces."""
    text = bytes(data).replace(b"\xa0", b" ").decode("latin-1")
    for candidate in _CANDIDATE.finditer(text):
        rule = _rule(candidate, kind=kind, birth=None, sex=None)
        if rule is not None and _stands_alone(text, candidate.start()):
            end = max(candidate.end(6), candidate.end(7))
            yield NirFinding(rule=rule, start=candidate.start(), end=end)


def _flat(text: str) -> str:
    return unicodedata.normalize("NFKC", text).translate(_DASHES)


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """What of a text may hold a number, with where it starts: an ASCII text whole, as it needs no flattening.

    Parts have a few thousand characters at most, so that flattening and mapping back stay linear in the
    length of the text.
    """
    if text.isascii():
        yield 0, text
        return
    for cluster in _CLUSTER.finditer(text):
        offset = max(0, cluster.start() - _AROUND)
        yield offset, text[offset : cluster.end() + _AROUND]


def _in_original(text: str, start: int, end: int) -> tuple[int, int]:
    """Positions in the flattened text, mapped back: a longer prefix never flattens to a shorter one."""
    prefixes = range(len(text) + 1)

    def flat_length(prefix: int) -> int:
        return len(_flat(text[:prefix]))

    return (
        bisect_right(prefixes, start, key=flat_length) - 1,
        bisect_left(prefixes, end, key=flat_length),
    )


def _stands_alone(flat: str, start: int) -> bool:
    """No letter in front, unless the letters are one of the words that announce a number."""
    before = _LETTERS_BEFORE.search(flat[max(0, start - _LONGEST_KEYWORD - 1) : start])
    word = before.group() if before else ""
    return not word or word.upper() in _KEYWORDS


def _rule(candidate: re.Match[str], *, kind: Kind, birth: str | None, sex: str | None) -> Rule | None:
    first, year, month, *_, key = candidate.groups()
    sex_digit, month_number = int(first), int(month)
    number = "".join(candidate.groups()[:6])
    if (
        key is not None
        and sex_digit in _KEYED_FIRST_DIGITS
        and month_number in _KEYED_MONTHS
        and int(key) == int(nir_key(number))
    ):
        return "R2"
    if sex_digit not in _FIRST_DIGITS or month_number not in _MONTHS:
        return None
    told = _BIRTH.match(birth or "")
    if (
        told is not None
        and (int(told[1]), int(told[2])) == (int(year), month_number)
        and _SEX_DIGIT.get(sex or "", sex_digit) == sex_digit
    ):
        return "R3"
    return "R4" if kind == "identifier" else None
