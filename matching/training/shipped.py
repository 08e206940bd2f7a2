"""The shipped model: from a seed to a file."""

from __future__ import annotations

from typing import Any

from matching.decision import POLICIES
from matching.model import Model, Thresholds
from matching.normalise import normalise
from matching.population import GENERATOR_VERSION, generate, raw_records
from matching.training.estimates import ladders
from matching.training.people import People
from matching.training.thresholds import Judged, balanced

VERSION = "fr-1"


def synthetic_people(n: int, *, seed: int) -> People:
    """`n` records of the generated population, as in a file: no authority declares statuses."""
    columns = generate(n, seed=seed)
    records = [normalise(raw) for raw in raw_records(columns)]
    planted = frozenset(row for row, cases in enumerate(columns["hard_case"]) if "homonym" in cases)
    return People(records, columns["entity_id"].tolist(), planted)


def train(*, n: int, seed: int, sampled_pairs: int) -> Model:
    """A model from `n` records of seed `seed`; cap and thresholds from as many of seed + 1.

    The same arguments give the same model.
    """
    people = synthetic_people(n, seed=seed)
    found = ladders(people, sampled_pairs=sampled_pairs, seed=seed)
    own = sum(1 for _ in people.true_pairs())
    provenance: dict[str, Any] = {
        "method": (
            "m counted on the true pairs and u on pairs of two people of a synthetic population: an estimate "
            "from its truth, not EM, and not a measurement of any hospital"
        ),
        "script": f"python -m matching.training --n {n} --seed {seed} --pairs {sampled_pairs}",
        "population": f"matching.population, generator version {GENERATOR_VERSION}",
        "seed": seed,
        "records": n,
        "people": len(set(people.entity)),
        "true_pairs": own,
        "random_pairs": sampled_pairs,
    }
    del people
    uncapped = Model(version=VERSION, provenance={}, ladders=found, household_cap=1000.0, thresholds={})
    second = Judged.of(synthetic_people(n, seed=seed + 1), uncapped)
    chosen = balanced(second)
    provenance["thresholds"] = {
        "balanced": "a false link costs one miss, on the population of the next seed",
        "service": "the fixed table of the decision's policies",
        "seed": seed + 1,
        "true_pairs": second.true_pairs,
        "false_links": chosen.false_links,
        "misses": chosen.misses,
    }
    service = POLICIES["service"]
    return Model(
        version=VERSION,
        provenance=provenance,
        ladders=found,
        household_cap=chosen.household_cap,
        thresholds={
            "balanced": chosen.thresholds,
            "service": Thresholds(
                review_at=service.review_at,
                second_person_at=service.second_person_at,
                link_at=service.link_at,
                margin=service.margin,
            ),
        },
    )
