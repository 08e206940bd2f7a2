"""Names reach the level that a registrar would name: crossed, compound, exchanged, misspelt, transcribed."""

from __future__ import annotations

from typing import Any

import pytest

from matching.comparisons import COMPARISONS, Compared
from matching.normalise import normalise
from matching.records import RawRecord, Record

LADDERS = {comparison.name: comparison for comparison in COMPARISONS}


def record(**traits: Any) -> Record:
    if isinstance(given_names := traits.get("given_names"), str):
        traits["given_names"] = tuple(given_names.split())
    return normalise(RawRecord(**traits))


def compared(comparison: str, a: dict[str, Any], b: dict[str, Any]) -> Compared:
    """The answer for two raw records, checked to be the same in the other order."""
    one, other = record(**a), record(**b)
    answer = LADDERS[comparison].compare(one, other)
    assert answer == LADDERS[comparison].compare(other, one)
    return answer


def names(birth: str | None, used: str | None, sex: str | None = None, given: str = "") -> dict[str, Any]:
    return {"birth_name": birth, "family_name": used, "sex": sex, "given_names": given}


@pytest.mark.parametrize(
    ("a", "b", "level", "why"),
    [
        (names("LEFEVRE", "MARTIN"), names("LEFÈVRE", "Martin"), "birth_and_used", "both names, twice told"),
        (names("LEFEVRE", "MARTIN"), names("LEFEVRE", "DUPONT"), "birth", "another marriage"),
        (names("LEFEVRE", "LEFEVRE"), names("LEFEVRE", "LEFEVRE"), "birth", "a used name that repeats it"),
        (names("LEFEVRE", "MARTIN"), names(None, "MARTIN"), "used", "a source with one name"),
        (names("LEFEVRE", "MARTIN"), names(None, "LEFEVRE"), "crossed", "and the other name"),
        (names("LEFEVRE", "MARTIN"), names("MARTIN", None), "shared", "used name typed as birth name"),
        (names("DURAND", "MARTIN"), names("MARTIN", "MARTIN"), "shared", "a wife and her husband"),
        (names("MARTIN", "DURANT"), names("MARTINN", "DURANT"), "used", "a typing error in the birth name"),
        (names("EL HADDAD", None), names("ELHADDAD", None), "birth", "one level for the article"),
        (names("EL HADDAD", None), names("AL HADDAD", None), "birth", "however it is spelt"),
        (names("HADDAD", None), names("EL HADDAD", None), "variant", "an article left out"),
        (names("GARCIA LOPEZ", None), names("LOPEZ GARCIA", None), "variant", "surnames in another order"),
        (names("GOMES", None), names("GOMEZ", None), "variant", "final Z as S"),
        (names("DUPONT-MARTIN", None), names("MARTIN", None), "part", "one word of a compound"),
        (names("DUPONT--MARTIN", None), names("MARTIN", None), "part", "with the double hyphen"),
        (names("BERNARD", None), names("BERNADR", None), "typo", "two letters exchanged"),
        (names("VILLENEUVES", None), names("VILENEUVE", None), "typo", "two errors in a long name"),
        (names("CHERAYED", None), names("SHARAID", None), "transliteration", "one Arabic name"),
        (names("MARTINELLI", None), names("MARTINEAU", None), "close", "alike as a whole"),
        (names("FAURE", None), names("PHORE", None), "phonetic", "the same sound"),
        (names("IVANOV", None), names("Иванов", None), "romanised", "two alphabets"),
        (names("MARTIN", None), names("Иванов", None), None, "alphabets that do not meet"),
        (names("WANG", None), names("王", None), None, "nor does one without a table"),
        (names("王", None), names("李", None), "disagree", "one alphabet, two names"),
        (names("DURAND", None), names("PETIT", None), "disagree", "both birth names told"),
        (names(None, "DURAND", "F"), names(None, "PETIT", "F"), "disagree_used", "she may have married"),
        (names(None, "DURAND", "M"), names(None, "PETIT", "M"), "disagree", "men keep their name"),
        (names("LI", None), names("LE", None), "disagree", "short names are not typing errors"),
        (names("MARTIN", None, given="PAUL"), names("PAUL", None, given="MARTIN"), "any_order", "exchanged"),
        (names("NGUYEN", None, given="THI LAN"), names("LAN", None, given="NGUYEN"), "any_order", "order"),
        (names("DUPONT-MARTIN", None, given="PAUL"), names("MARTIN", None, given="PAUL"), "part", "one word"),
        (names("MARTIN", None), names("INCONNU", None), None, "a placeholder is unknown"),
        (names("MARTIN", None), names(None, None), None, "not told"),
    ],
)  # fmt: skip
def test_family_names_reach_their_level(
    a: dict[str, Any], b: dict[str, Any], level: str | None, why: str
) -> None:
    assert compared("family_name", a, b).level == level, why


def given_name(told: str, used: str | None = None) -> dict[str, Any]:
    return {"given_names": told, "used_given_name": used}


@pytest.mark.parametrize(
    ("a", "b", "level", "terms", "why"),
    [
        (given_name("JEAN PAUL"), given_name("Jean Paul"), "list", ("JEAN",), "the whole list"),
        (given_name("JEAN"), given_name("JEAN"), "first", ("JEAN",), "one name"),
        (given_name("JEAN-PAUL"), given_name("JEAN-PAUL"), "first", ("JEANPAUL",), "one compound name"),
        (given_name("JEAN"), given_name("JEAN PAUL MARIE"), "first", ("JEAN",), "the list not told"),
        (given_name("JEAN PAUL"), given_name("JEAN PAUL MARIE"), "first", ("JEAN",), "the list told in part"),
        (
            given_name("MARIE CLAIRE"),
            given_name("MARIE ANNE"),
            "first_rest_differs",
            ("MARIE",),
            "twins, or an error",
        ),
        (
            given_name("JEAN-CHRISTOPHE"),
            given_name("JEAN CHRISTOPHE PIERRE"),
            "prefix",
            ("JEAN",),
            "EXI ID 10",
        ),
        (
            given_name("JEAN-CHRISTOPHE-PIERRE"),
            given_name("JEAN CHRISTOPHE"),
            "prefix",
            ("JEAN",),
            "EXI ID 10",
        ),
        (given_name("JEANCHRISTOPHE"), given_name("JEAN CHRISTOPHE"), "prefix", ("JEAN",), "glued"),
        (given_name("MARIE-CLAIRE"), given_name("MARIE-ANNE"), "first_word", ("MARIE",), "twins"),
        (
            given_name("CHRISTOPHE"),
            given_name("JEAN CHRISTOPHE"),
            "elsewhere",
            ("CHRISTOPHE",),
            "not the first",
        ),
        (given_name("MARIE", "MANON"), given_name("MANON"), "used", ("MANON",), "the name in use"),
        (
            given_name("", "MANON"),
            given_name("", "MANON"),
            "used",
            ("MANON",),
            "in use at both, no other told",
        ),
        (given_name("ALEXANDRE"), given_name("SACHA"), "diminutive", (), "a usual short form"),
        (given_name("JOAO"), given_name("JEAN"), "diminutive", (), "another language"),
        (given_name("BRIGITTE"), given_name("BIRGITTE"), "typo", (), "two letters exchanged"),
        (given_name("MOHAMED"), given_name("MUHAMMAD"), "transliteration", (), "one Arabic name"),
        (given_name("SOPHIANE"), given_name("SOFIANE"), "phonetic", (), "the same sound"),
        (given_name("محمد"), given_name("MOHAMED"), "romanised", (), "two alphabets"),
        (given_name("小明"), given_name("XIAOMING"), None, (), "an alphabet without a table"),
        (given_name("J"), given_name("JULIEN"), "initial", (), "an initial letter"),
        (given_name("J"), given_name("PAUL"), "disagree", (), "an initial letter that does not fit"),
        (given_name("CHRISTIANE"), given_name("CHRISTINETTE"), "close", (), "alike as a whole"),
        (given_name("MOHAMED"), given_name("MAHMOUD"), "disagree", (), "another name"),
        (given_name("LEA"), given_name("LEO"), "disagree", (), "short names are not typing errors"),
        (given_name("BEBE"), given_name("JEAN"), None, (), "a provisional name is no name"),
        (given_name(""), given_name("JEAN"), None, (), "not told"),
    ],
)
def test_given_names_reach_their_level(
    a: dict[str, Any], b: dict[str, Any], level: str | None, terms: tuple[str, ...], why: str
) -> None:
    answer = compared("given_names", a, b)
    assert (answer.level, answer.terms) == (level, terms), why


def test_exchanged_names_count_once() -> None:
    a, b = names("MARTIN", None, given="PAUL"), names("PAUL", None, given="MARTIN")
    assert compared("family_name", a, b).level == "any_order"
    assert compared("given_names", a, b).level is None
