"""The model: weights add up, rare values weigh more, households are capped, nothing is counted twice."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.comparisons import COMPARISONS
from matching.model import HOUSEHOLD_CAP, SHIPPED, Model, Score
from matching.normalise import normalise
from matching.population import generate, raw_records
from matching.records import Identifier, RawRecord, Record

POPULATION = 6_000_000
ANNE = RawRecord(
    birth_name="LEFEVRE",
    family_name="MARTIN",
    given_names=("ANNE", "MARIE"),
    sex="F",
    birth_date="1958-02-28",
    birth_place="69385",
    address="12 RUE DES LILAS",
    postal_code="69005",
    city="LYON",
    phone=("0478123456", "0612345678"),
    email=("anne.lefevre@exemple.fr",),
)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load()


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return [normalise(raw) for raw in raw_records(generate(300, seed=9))]


def score(model: Model, a: RawRecord, b: RawRecord) -> Score:
    return model.score(normalise(a), normalise(b), population=POPULATION)


def weights(found: Score) -> dict[str, float]:
    return {line.comparison: line.weight for line in found.evidence}


@given(a=st.integers(0, 299), b=st.integers(0, 299), population=st.integers(1, 10**8))
@settings(deadline=None, max_examples=300)
def test_the_evidence_adds_up_to_the_weight(a: int, b: int, population: int) -> None:
    model, people = Model.load(), _people()
    found = model.score(people[a], people[b], population=population)
    prior = found.evidence[0]
    assert (prior.comparison, prior.level) == ("prior", None)
    assert prior.weight == pytest.approx(-math.log2(population), abs=0.0005)
    thousandths = [round(line.weight * 1000) for line in found.evidence]
    assert all(
        line.weight * 1000 == pytest.approx(whole, abs=1e-6)
        for line, whole in zip(found.evidence, thousandths, strict=True)
    )
    assert sum(thousandths) == round(found.match_weight * 1000)


@given(a=st.integers(0, 299), b=st.integers(0, 299))
@settings(deadline=None, max_examples=200)
def test_a_score_is_symmetric(a: int, b: int) -> None:
    model, people = Model.load(), _people()
    assert model.score(people[a], people[b], population=9) == model.score(people[b], people[a], population=9)


_PEOPLE: list[Record] = []


def _people() -> list[Record]:
    if not _PEOPLE:
        _PEOPLE.extend(normalise(raw) for raw in raw_records(generate(300, seed=9)))
    return _PEOPLE


def test_every_comparison_is_in_the_evidence(model: Model) -> None:
    found = score(model, ANNE, RawRecord(given_names=("ANNE",)))
    assert [line.comparison for line in found.evidence] == ["prior", *(c.name for c in COMPARISONS)]


def test_the_unknown_weighs_nothing(model: Model) -> None:
    found = score(model, ANNE, RawRecord())
    assert found.match_weight == found.evidence[0].weight
    assert all(line.level is None and line.weight == 0.0 for line in found.evidence[1:])


RARER = [
    ("a rare family name", {"birth_name": "MARTIN", "family_name": None}, {"birth_name": "ZYLBERSZTAJN"}),
    ("a rare given name", {"given_names": ("MARIE",)}, {"given_names": ("EPIPHANE",)}),
    ("a small birthplace", {"birth_place": "75056"}, {"birth_place": "48095"}),
]


@pytest.mark.parametrize(("why", "common", "rare"), RARER, ids=[row[0] for row in RARER])
def test_agreement_on_a_rare_value_weighs_more(
    model: Model, why: str, common: dict[str, Any], rare: dict[str, Any]
) -> None:
    alone = replace(ANNE, address=None, postal_code=None, city=None, phone=(), email=())
    ordinary, unusual = replace(alone, **common), replace(alone, **{**common, **rare})
    more = score(model, unusual, unusual).match_weight
    less = score(model, ordinary, ordinary).match_weight
    assert more > less + 1, why


def test_no_rarity_weighs_more_than_the_floor(model: Model) -> None:
    """A value nobody in the training population bears counts as one that hardly anybody does."""
    alone = replace(ANNE, family_name=None, address=None, postal_code=None, city=None, phone=(), email=())
    unheard = replace(alone, birth_name="XQZWVKJ")
    terms = model.ladders["family_name"].terms
    assert terms is not None
    level = model.ladders["family_name"].levels["birth"].weight
    most = level + math.log2(terms.means["birth"] / terms.floor)
    assert weights(score(model, unheard, unheard))["family_name"] == pytest.approx(most, abs=0.002)


def test_the_household_is_capped(model: Model) -> None:
    """Surname, address, telephone and town of a family prove that one family lives there, not who it is."""
    found = score(model, ANNE, ANNE)
    shared = ("family_name", "phone", "email", "address", "locality")
    total = sum(weights(found)[name] for name in shared)
    assert total > model.household_cap
    assert total + weights(found)[HOUSEHOLD_CAP] == pytest.approx(model.household_cap, abs=0.001)


def test_a_household_alone_is_not_even_a_review(model: Model) -> None:
    home = replace(ANNE, given_names=(), sex=None, birth_date=None, birth_place=None)
    assert score(model, home, home).match_weight < model.thresholds["service"].review_at


def test_what_disagrees_is_not_capped(model: Model) -> None:
    moved = replace(ANNE, address="3 CHEMIN DU BOIS", postal_code="13001", city="MARSEILLE")
    found = weights(score(model, ANNE, moved))
    assert found["address"] < 0
    assert found["locality"] < 0


def test_sex_says_hardly_anything_once_the_given_name_agrees(model: Model) -> None:
    same = weights(score(model, ANNE, ANNE))["sex"]
    other = weights(score(model, ANNE, replace(ANNE, given_names=("LUCIE",))))["sex"]
    assert same < 0.2
    assert other > 0.8


def test_a_given_name_weighs_less_between_people_of_one_age(model: Model) -> None:
    """Given names have their years: the birth date has told some of it already."""
    anne = replace(ANNE, given_names=("ANNE",))
    born = weights(score(model, anne, anne))["given_names"]
    undated = weights(score(model, anne, replace(anne, birth_date=None)))["given_names"]
    assert born < undated


GROWING = [
    (
        "nothing in common",
        RawRecord(family_name="ROUX", given_names=("LUC",), sex="M", birth_date="1990-07-14"),
    ),
    ("the date", RawRecord(family_name="ROUX", given_names=("LUC",), sex="M", birth_date="1958-02-28")),
    (
        "and a given name",
        RawRecord(family_name="ROUX", given_names=("ANNE",), sex="F", birth_date="1958-02-28"),
    ),
    (
        "and the used name",
        RawRecord(family_name="MARTIN", given_names=("ANNE",), sex="F", birth_date="1958-02-28"),
    ),
    ("and all the rest", ANNE),
]


def test_weight_grows_with_agreement(model: Model) -> None:
    found = [score(model, ANNE, other).match_weight for _, other in GROWING]
    assert found == sorted(found)


def test_a_default_date_weighs_much_less_than_a_date(model: Model) -> None:
    day = weights(score(model, ANNE, ANNE))["birth_date"]
    new_year = replace(ANNE, birth_date="1958-01-01")
    assert weights(score(model, new_year, new_year))["birth_date"] < day - 5


def test_a_number_of_one_issuer_weighs(model: Model) -> None:
    known = replace(ANNE, identifiers=(Identifier(value="R1", issuer="REGION"),))
    assert weights(score(model, known, known))["identifiers"] > 5


@pytest.mark.parametrize(
    ("weight", "probability"),
    [(0.0, 0.5), (16.6, 0.99999), (-4.25, 0.05), (-5000.0, 0.0), (5000.0, 1.0), (-1000.0, 0.0)],
)
def test_probability_is_that_of_the_odds(weight: float, probability: float) -> None:
    assert Score(weight, ()).probability == pytest.approx(probability, abs=1e-4)


# ---------------------------------------------------------------- the file


def document() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(SHIPPED.read_text("utf-8"))
    return told


def test_the_shipped_file_says_what_it_was_trained_on(model: Model) -> None:
    told = model.provenance
    assert model.version == "fr-1"
    assert told["script"].startswith("python -m matching.training --n ")
    assert f"--seed {told['seed']}" in told["script"]
    assert "not EM" in told["method"]
    assert "synthetic" in told["method"]
    assert told["true_pairs"] > 10_000


def test_the_shipped_ladders_are_monotone_and_probable(model: Model) -> None:
    for name, ladder in model.ladders.items():
        found = [odds.weight for odds in ladder.levels.values()]
        assert found == sorted(found, reverse=True), name
        assert sum(odds.m for odds in ladder.levels.values()) == pytest.approx(1.0, abs=1e-3), name


def test_saved_and_loaded_is_the_same_model(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    model.save(path)
    assert path.read_bytes() == SHIPPED.read_bytes()
    assert Model.load(path).to_json() == model.to_json()


def test_the_shipped_model_is_read_once() -> None:
    assert Model.load() is Model.load()


def _without(*path: str) -> dict[str, Any]:
    told = document()
    part = told
    for step in path[:-1]:
        part = part[step]
    del part[path[-1]]
    return told


def _with(value: Any, *path: str) -> dict[str, Any]:
    told = document()
    part = told
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    return told


def _without_first_level() -> dict[str, Any]:
    told = document()
    levels = told["comparisons"]["sex"]["levels"]
    told["comparisons"]["sex"]["levels"] = {"agrees": levels["agree"], "disagree": levels["disagree"]}
    return told


REFUSED = [
    ("no version", _without("version"), "not a model"),
    ("no comparisons", _with(7, "comparisons"), "not a model"),
    ("a threshold without a name", _with({"at": 1}, "thresholds", "service"), "not a model"),
    ("a comparison too few", _without("comparisons", "sex"), "the model has comparisons"),
    ("a level renamed", _without_first_level(), "levels of sex"),
    ("a probability of nought", _with([0.0, 0.5], "comparisons", "sex", "levels", "agree"), "probability"),
    ("a probability above one", _with([0.5, 1.5], "comparisons", "sex", "levels", "agree"), "probability"),
    (
        "agreement below disagreement",
        _with([0.001, 0.9], "comparisons", "sex", "levels", "agree"),
        "weighs less",
    ),
    ("depends on itself", _with("sex", "comparisons", "sex", "given", "comparison"), "depends on itself"),
    (
        "depends in a circle",
        _with("sex", "comparisons", "given_names", "given", "comparison"),
        "depends on itself",
    ),
    ("depends on nothing known", _with("shoe", "comparisons", "sex", "given", "comparison"), "there is not"),
]


@pytest.mark.parametrize(("why", "told", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_file_that_does_not_fit_is_refused(why: str, told: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Model.from_json(told)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        Model.load(tmp_path / "none.json")


def test_a_score_costs_little(model: Model, records: list[Record]) -> None:
    """Well below a millisecond, on the slowest machine: a guard against a slip, not a benchmark."""
    pairs = [(records[i], records[(i * 7 + 1) % 300]) for i in range(300)]
    best = math.inf
    for _ in range(3):
        start = time.perf_counter()
        for a, b in pairs:
            model.score(a, b, population=POPULATION)
        best = min(best, (time.perf_counter() - start) / len(pairs))
    assert best < 0.001
