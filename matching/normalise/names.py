"""Names of people: family names with particles and compounds, lists of given names, placeholders."""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate

from matching.normalise.reference import (
    NO_NAME,
    PARTICLES,
    PROVISIONAL_GIVEN_NAMES,
    SPELLINGS,
)
from matching.normalise.scripts import in_latin_letters, skeleton
from matching.normalise.text import script, words
from matching.phonetics import phonex
from matching.records import GivenNames, Name

SHORTEST_PART = 4  # letters of a word that makes a compound name recognisable
MOST_GIVEN_NAMES = 12
SHORTEST_GLUED = 6  # letters of a word that may begin with a glued article: ALHADDAD, MCDONALD
_VOWELS = frozenset("AEIOUY")


def _one_spelling(word: str) -> str:
    """A word with its article in one spelling: AL and EL, MC and MAC, SAINT and ST, apart or glued."""
    if word in SPELLINGS:
        return SPELLINGS[word]
    if len(word) >= SHORTEST_GLUED and word[2] not in _VOWELS:
        if word.startswith("AL"):
            return f"EL{word[2:]}"
        if word.startswith("MC"):
            return f"MAC{word[2:]}"
    return word


def _final_z_as_s(word: str) -> str:
    return f"{word[:-1]}S" if word.endswith("Z") else word


def sound(word: str) -> str:
    """The phonetic code of a folded word, through Latin letters; the word itself where there are none."""
    return phonex(in_latin_letters(word)) or word


def _spoken(word: str) -> str:
    """What of a family name's word is heard in all its spellings: no glued Arabic article, final Z as S."""
    glued = len(word) > SHORTEST_GLUED and word.startswith(("EL", "AL"))
    return _final_z_as_s(word[2:] if glued else word)


def is_placeholder(letters: str) -> bool:
    """A value typed for want of a name: on the list, with or without a number behind, a number alone, or one
    letter repeated three times or more.
    """
    if not letters.isascii():
        return False
    bare = letters.rstrip("0123456789")
    return not bare or bare in NO_NAME or (len(bare) >= 3 and len(set(bare)) == 1)


def _is_no_name(found: tuple[str, ...]) -> bool:
    """Nothing but placeholders, word by word or together: NON COMMUNIQUE, PATIENT TEST, HOMME 1."""
    return is_placeholder("".join(found)) or all(map(is_placeholder, found))


def _core(found: tuple[str, ...]) -> tuple[str, ...]:
    """The words without particles, and without a glued Arabic article; all of them when none is left."""
    core = tuple(word for word in found if word not in PARTICLES)
    core = tuple(word[2:] if word.startswith("ال") and len(word) > 4 else word for word in core)
    return core or found


@lru_cache(maxsize=16_384)
def _name(found: tuple[str, ...]) -> Name | None:
    letters = "".join(found)
    if _is_no_name(found) or (len(letters) == 1 and letters.isascii()):
        return None
    core = _core(found)
    spoken = tuple(map(_spoken, core))
    spellings = tuple(map(_one_spelling, found))
    return Name(
        words=found,
        core=core,
        letters=letters,
        key="".join(spellings),
        forms=frozenset({"".join(sorted(map(_final_z_as_s, core))), "".join(map(_final_z_as_s, spellings))}),
        parts=frozenset(word for word in core if len(word) >= SHORTEST_PART),
        sounds=tuple(map(sound, spoken)),
        skeleton=skeleton("".join(spoken)),
        script=script(letters),
    )


def family_name(text: str | None) -> Name | None:
    """A family name ready to be compared; None when nothing, a placeholder or one Latin letter was told."""
    return _name(words(text))


def is_provisional(names: tuple[str, ...]) -> bool:
    """A newborn without a name yet: BEBE, FILLE DE MARIE, JUMEAU 2, SANS PRENOM, in any spelling."""
    found = tuple(word for name in names[:MOST_GIVEN_NAMES] for word in words(name))
    return bool(found) and (
        found[0] in PROVISIONAL_GIVEN_NAMES or "".join(found[:2]) in PROVISIONAL_GIVEN_NAMES
    )


def given_names(names: tuple[str, ...]) -> GivenNames | None:
    """A list of given names ready to be compared; None when nothing, or a placeholder, was told."""
    return _given(tuple(folded for name in names[:MOST_GIVEN_NAMES] if (folded := words(name))))


@lru_cache(maxsize=16_384)
def _given(told: tuple[tuple[str, ...], ...]) -> GivenNames | None:
    kept = tuple(name for name in told if not _is_no_name(name))
    if not kept or _is_no_name(tuple(word for name in told for word in name)):
        return None
    first, found = kept[0], tuple(word for name in kept for word in name)
    letters = "".join(first)
    return GivenNames(
        words=found,
        first=first,
        letters=letters,
        prefixes=frozenset(accumulate(found)),
        sound=sound(first[0]),
        skeleton=skeleton(letters),
        script=script(letters),
    )
