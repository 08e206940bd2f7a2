"""How two different spellings of a name may still be one name: the steps that both name ladders share."""

from __future__ import annotations

from rapidfuzz.distance import OSA, JaroWinkler

from matching.normalise.scripts import VOWEL_MARK, consonants

SHORTEST_TYPO = 4  # letters: in shorter names one error makes another name
SHORTEST_SOUND = 4  # signs of a phonetic code that says something
LONG_NAME = 9  # letters: two errors are still typing errors
CLOSE_AT = 0.88  # Jaro-Winkler similarity
FEWEST_CONSONANTS = 2  # of a skeleton that says something: ALI has one


def is_typo(one: str, other: str) -> bool:
    """One insertion, deletion, substitution or neighbour swap apart; two in a long name (OSA distance)."""
    shortest = min(len(one), len(other))
    if shortest < SHORTEST_TYPO:
        return False
    allowed = 2 if shortest >= LONG_NAME else 1
    return OSA.distance(one, other, score_cutoff=allowed) <= allowed


def is_close(one: str, other: str) -> bool:
    """Alike as a whole: a Jaro-Winkler similarity of 0.88 or more."""
    if min(len(one), len(other)) < SHORTEST_TYPO:
        return False
    return JaroWinkler.similarity(one, other, score_cutoff=CLOSE_AT) >= CLOSE_AT


def is_same_sound(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Equal phonetic codes, four signs or more in all: shorter ones join LEA and LEO."""
    return one == other and sum(map(len, one)) >= SHORTEST_SOUND


def is_transliteration(one: str, other: str) -> bool:
    """Equal skeletons with two consonants or more: MOHAMED, MUHAMMAD."""
    return one == other and len(one) - one.count(VOWEL_MARK) >= FEWEST_CONSONANTS


def is_romanisation(one: str, other: str) -> bool:
    """Skeletons from two alphabets with the same consonants, two or more: IVANOV and ИВАНОВ."""
    shared = consonants(one)
    return len(shared) >= FEWEST_CONSONANTS and shared == consonants(other)
