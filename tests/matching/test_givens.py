"""Two people who share everything but the given name, and one person whose given name is written two ways."""

from __future__ import annotations

import pytest

from matching.comparisons import COMPARISONS
from matching.givens import are_two_given_names, usual_given_names
from matching.normalise import normalise
from matching.records import RawRecord

GIVEN = [
    ("MARIE", "MARIA", "F", False, True),
    ("JULIE", "JULIEN", None, False, True),
    ("CLARA", "CLAIRE", "F", False, True),
    ("HASSAN", "HUSSEIN", "M", False, True),
    ("MARIE CLAIRE", "MARIE ANNE", "F", False, True),
    ("JEAN-PIERRE", "JEAN-PAUL", "M", False, True),
    ("MARIE", "MARIE-ANNE", "F", False, False),
    ("MARIE", "MARIE-ANNE", "F", True, True),
    ("VINCENT NICOLAS", "VINCENT PAUL", "M", False, False),
    ("CATHERINE", "CATHRINE", "F", False, False),
    ("CATHERINE", "CATHRINE", "F", True, True),
    ("MOHAMED", "MOHAMMED", "M", False, False),
    ("YOUSSEF", "YOUCEF", "M", False, False),
    ("SARAH", "SARA", "F", False, False),
    ("LINA", "LENA", "F", False, True),
    ("IVAN", "ИВАН", "M", False, False),
    ("SOPHIE", "BRIGITTE", "F", False, True),
]


@pytest.mark.parametrize(("one", "other", "sex", "strictly", "two"), GIVEN)
def test_one_given_name_or_two(one: str, other: str, sex: str | None, strictly: bool, two: bool) -> None:
    a, b = (normalise(RawRecord(given_names=tuple(names.split()), sex=sex)) for names in (one, other))
    ladder = next(comparison for comparison in COMPARISONS if comparison.name == "given_names")
    for x, y in ((a, b), (b, a)):
        level = ladder.compare(x, y).level
        assert are_two_given_names(x, y, level=level, strictly=strictly) is two, level


def test_brother_and_sister_of_one_sound_are_two() -> None:
    daniel = normalise(RawRecord(given_names=("DANIEL",), sex="M"))
    danielle = normalise(RawRecord(given_names=("DANIELLE",), sex="F"))
    assert are_two_given_names(daniel, danielle, level="phonetic", strictly=False)


def test_a_given_name_not_told_may_be_another() -> None:
    anne, nobody = normalise(RawRecord(given_names=("ANNE",))), normalise(RawRecord())
    assert are_two_given_names(anne, nobody, level=None, strictly=False)
    assert not are_two_given_names(anne, nobody, level="used", strictly=False)


def test_usual_given_names_are_folded() -> None:
    assert {"MARIE", "MARIA", "FRANCOISE", "MOHAMED"} <= usual_given_names()
    assert all(name == name.upper() for name in usual_given_names())


USED = [
    (
        "twins who bear each other's second name",
        ("PIERRE", "LOUIS"),
        None,
        ("LOUIS", "PIERRE"),
        "LOUIS",
        True,
    ),
    ("the given name in use told alone", ("LOUIS",), None, ("PIERRE", "LOUIS"), "LOUIS", False),
    ("the given name in use told for both", ("PIERRE",), "LULU", ("LOUIS",), "LULU", True),
]


@pytest.mark.parametrize(("why", "one", "one_used", "other", "other_used", "two"), USED)
def test_a_given_name_in_use(
    why: str,
    one: tuple[str, ...],
    one_used: str | None,
    other: tuple[str, ...],
    other_used: str | None,
    two: bool,
) -> None:
    a = normalise(RawRecord(given_names=one, used_given_name=one_used))
    b = normalise(RawRecord(given_names=other, used_given_name=other_used))
    assert are_two_given_names(a, b, level="used", strictly=False) is two, why
    assert are_two_given_names(b, a, level="used", strictly=False) is two, why
