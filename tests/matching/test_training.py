"""Training: a small run is deterministic, counts are what they say, ladders come out monotone."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from matching.comparisons import COMPARISONS
from matching.decision import POLICIES, Candidate, Outcome, decide, policy
from matching.model import SHIPPED, Model
from matching.normalise import normalise
from matching.population import GENERATOR_VERSION
from matching.records import RawRecord
from matching.training import People, ladders, train
from matching.training import __main__ as command
from matching.training.estimates import SMALLEST_U, TERMS, Sample, frequencies, odds
from matching.training.shipped import synthetic_people
from matching.training.thresholds import CAPS, Judged, balanced, cheapest

SEX = next(comparison for comparison in COMPARISONS if comparison.name == "sex")
GIVEN = next(comparison for comparison in COMPARISONS if comparison.name == "given_names")


@pytest.fixture(scope="module")
def small() -> Model:
    return train(n=3_000, seed=7, sampled_pairs=20_000)


def test_a_run_writes_the_same_bytes_again(
    small: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.save(tmp_path / "one.json")
    arguments = ["--out", str(tmp_path / "other.json"), "--n", "3000", "--seed", "7", "--pairs", "20000"]
    monkeypatch.setattr("sys.argv", ["training", *arguments])
    command.main()
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "other.json").read_bytes()


def test_the_provenance_names_the_script_that_made_the_file(small: Model) -> None:
    assert small.provenance["script"] == "python -m matching.training --n 3000 --seed 7 --pairs 20000"
    shipped = json.loads(SHIPPED.read_text("utf-8"))["provenance"]
    assert set(shipped) == set(small.provenance)
    assert shipped["population"] == f"matching.population, generator version {GENERATOR_VERSION}"
    defaults = f"--n {shipped['records']} --seed {shipped['seed']} --pairs {shipped['random_pairs']}"
    assert shipped["script"] == f"python -m matching.training {defaults}"


@pytest.mark.long
def test_the_shipped_file_is_what_the_script_writes(tmp_path: Path) -> None:
    told = Model.load().provenance
    again = train(n=told["records"], seed=told["seed"], sampled_pairs=told["random_pairs"])
    again.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == SHIPPED.read_bytes()


def test_service_thresholds_are_not_trained(small: Model) -> None:
    assert policy("service", small) == POLICIES["service"]


def test_the_shipped_model_separates_people_it_has_not_seen() -> None:
    """Another seed than the one trained on; a guard, the figures are the benchmarks' business."""
    model, people = Model.load(), synthetic_people(6_000, seed=4711)
    chosen = policy("balanced", model)
    true_pairs = set(people.true_pairs())
    linked: Counter[bool] = Counter()
    for a, b in people.candidate_pairs():
        score = model.score(people.records[a], people.records[b], population=len(people.records))
        candidate = Candidate(identity_id="E", record_id="r", record=people.records[b], score=score)
        if decide(people.records[a], [candidate], chosen).outcome is Outcome.LINK:
            linked[(a, b) in true_pairs] += 1
    assert linked[True] / len(true_pairs) > 0.93
    assert linked[True] / linked.total() > 0.985


def people(*told: tuple[str, RawRecord], planted: frozenset[int] = frozenset()) -> People:
    return People([normalise(raw) for _, raw in told], [who for who, _ in told], planted)


ANNE = RawRecord(given_names=("ANNE",), birth_name="MARTIN", sex="F", birth_date="1958-02-28")
FOUR = people(("a", ANNE), ("a", ANNE), ("b", ANNE), ("c", RawRecord(given_names=("LUC",), sex="M")))


def test_true_pairs_are_those_of_one_person() -> None:
    assert list(FOUR.true_pairs()) == [(0, 1)]
    assert len(FOUR.one_record_each()) == 3


def test_random_pairs_are_of_two_people() -> None:
    found = list(FOUR.random_pairs(500, seed=1))
    assert 250 < len(found) < 450
    assert all(FOUR.entity[a] != FOUR.entity[b] for a, b in found)


def test_planted_homonyms_are_no_strangers() -> None:
    some = people(("a", ANNE), ("b", ANNE), planted=frozenset({0, 1}))
    assert list(some.random_pairs(100, seed=1)) == []


def test_the_share_of_agreeing_pairs_is_counted_exactly() -> None:
    groups = FOUR.groups(lambda record: record.given_names and record.given_names.letters)
    assert groups == [[0, 1, 2]]
    assert FOUR.grouped_share(groups) == pytest.approx(2 / 6)
    assert set(FOUR.grouped_pairs(groups, 200, seed=1)) == {(0, 2), (2, 0), (1, 2), (2, 1)}
    assert list(FOUR.grouped_pairs([], 200, seed=1)) == []


def test_candidate_pairs_share_a_key() -> None:
    assert FOUR.candidate_pairs() == [(0, 1), (0, 2), (1, 2)]


def test_nobody_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="no person has two records"):
        ladders(people(("a", ANNE), ("b", ANNE)), sampled_pairs=10, seed=1)


def test_levels_out_of_order_are_pooled() -> None:
    """Weights 1, -1, 0, 0 bits: the middle ones become one level with the mean of m and of u."""
    count = len(GIVEN.levels)
    m = [0.4, 0.1, 0.2, *[0.3 / (count - 3)] * (count - 3)]
    u = [0.2, 0.2, 0.2, *[0.4 / (count - 3)] * (count - 3)]
    found = list(odds(GIVEN, m, u).values())
    assert (found[0].m, found[0].u) == (0.4, 0.2)
    assert (found[1].m, found[1].u) == (found[2].m, found[2].u) == (0.15, 0.2)
    weights = [round(one.weight, 3) for one in found]
    assert weights == sorted(weights, reverse=True)


def test_no_level_weighs_more_than_the_population_vouches_for() -> None:
    assert odds(SEX, [1.0, 1e-9], [1e-12, 1.0])["agree"].u == SMALLEST_U


def test_counts_are_smoothed() -> None:
    sample = Sample(pairs=9, counts=Counter({("sex", "agree"): 9}))
    assert sample.told(SEX) == 9
    assert sample.shares(SEX) == [0.95, 0.05]


def test_frequencies_are_of_people_and_rare_values_share_a_floor() -> None:
    told = [normalise(RawRecord(given_names=(name,))) for name in ["ANNE"] * 6 + ["LUC"] * 3 + ["ZOE"]]
    sample = Sample(terms={("given_names", "first"): [("ANNE",), ("LUC",)], ("sex", "agree"): [("F",)]})
    found = frequencies("given_names", told, sample)
    assert (found.total, dict(found.counts)) == (10, {"ANNE": 6})
    assert found.floor == pytest.approx((3 * 3 + 1) / 4 / 10, abs=1e-6)
    assert found.means == {"first": pytest.approx((0.6 + found.floor) / 2, abs=1e-6)}


def test_terms_are_the_values_that_the_comparisons_name() -> None:
    record = normalise(
        RawRecord(
            birth_name="DUPONT-MARTIN",
            family_name="ROUX",
            given_names=("ANNE",),
            birth_place="75116",
            postal_code="75016",
        )
    )
    for comparison in COMPARISONS:
        terms = comparison.compare(record, record).terms
        assert set(terms) <= (TERMS[comparison.name](record) if comparison.name in TERMS else set())
    nobody = normalise(RawRecord())
    assert [found(nobody) for found in TERMS.values()] == [set(), set(), set(), set()]


def test_the_cheapest_threshold_makes_the_fewest_errors() -> None:
    weight = np.array([12.0, 9.0, 6.0, 5.0, 1.0])
    same = np.array([True, True, False, True, False])
    assert cheapest(weight, same) == (1.1, 1, 3)


def test_the_largest_cap_among_equals_is_chosen() -> None:
    """Strangers of one household reach 20 bits of it; the true pairs need none."""
    judged = Judged(
        weight=np.array([22.0, 21.0, 15.0, 15.0]),
        household=np.array([20.0, 20.0, 2.0, 2.0]),
        same=np.array([False, False, True, True]),
        true_pairs=3,
    )
    chosen = balanced(judged)
    assert (chosen.false_links, chosen.misses) == (0, 1)
    assert chosen.household_cap == 12.0  # at 13 a stranger would weigh 15 bits like the true pairs
    assert chosen.thresholds.review_at == POLICIES["service"].review_at
    assert chosen.thresholds.link_at <= 15.0


def test_a_household_alone_stays_below_review_at_every_cap() -> None:
    prior = -math.log2(6_000_000)
    assert max(CAPS) + prior < POLICIES["service"].review_at
