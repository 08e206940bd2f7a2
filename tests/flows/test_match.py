"""A question stores nothing, gives the grade that identify would give, and is not answered when it fishes."""

from __future__ import annotations

import pytest

from matching.records import RawRecord
from mpi.errors import Unprocessable
from mpi.flows.match import match
from mpi.flows.requests import MatchAnswer, MatchRequest
from tests.flows.scene import ANNE, JEAN, A, B, C, Scene, make_matcher, person


@pytest.fixture
def scene(sqlite_db) -> Scene:
    made = Scene.open(sqlite_db)
    made.tell(A, "1", ANNE)
    return made


def ask(scene: Scene, traits: dict[str, object], authority: str = "") -> MatchAnswer:
    raw = RawRecord(authority=authority, **traits)  # type: ignore[arg-type]
    with scene.db.read() as tx:
        return match(tx, MatchRequest(actor=scene.actor, raw=raw), scene.matcher)


@pytest.mark.parametrize(
    ("traits", "grade", "identified_as"),
    [
        (ANNE, "one", "linked"),
        (JEAN, "none", "new"),
        (person(birth_place=None, family_name=None, sex=None), "many", "review"),
        (person(given_names=("CLAIRE",)), "many", "review"),
    ],
)
def test_the_grade_is_the_one_that_identify_gives(
    scene: Scene, traits, grade: str, identified_as: str
) -> None:
    before = scene.counts()
    asked = ask(scene, traits)
    assert asked.outcome == grade
    assert scene.counts() == before
    answer = scene.tell(B, "2", traits)
    assert answer.outcome == identified_as
    assert (asked.identity_id == answer.identity_id) == (grade == "one")


def test_candidates_carry_their_evidence_best_first(scene: Scene) -> None:
    asked = ask(scene, ANNE)
    (best,) = asked.candidates
    assert best.match_weight == pytest.approx(sum(one["weight"] for one in best.evidence))
    assert ask(scene, JEAN).candidates == ()


@pytest.mark.parametrize(
    ("traits", "rule"),
    [
        ({"birth_name": "LEFEVRE", "family_name": "MARTIN", "sex": "F"}, "at-least-three"),
        ({"birth_name": "LEFEVRE", "birth_date": "1958-02-28"}, "at-least-three"),
        (person(birth_name="LEF*"), "no-wildcard"),
        (person(given_names=("AN?E",)), "no-wildcard"),
        (person(birth_date="1958%"), "no-wildcard"),
    ],
)
def test_a_question_that_fishes_is_refused(scene: Scene, traits, rule: str) -> None:
    with pytest.raises(Unprocessable) as raised:
        ask(scene, traits)
    assert raised.value.details["rule"] == rule


def test_past_the_deadline_nobody_is_certain(scene: Scene) -> None:
    looks = iter(range(1000))
    scene.tell(B, "2", person(given_names=("CLAIRE",)))
    scene.matcher = make_matcher(clock=lambda: float(next(looks)))
    assert ask(scene, ANNE).outcome == "many"


def test_the_status_rule_of_a_declared_authority_applies_to_a_question(sqlite_db) -> None:
    scene = Scene.open(sqlite_db, sends_status=(A, B))
    scene.tell(A, "1", ANNE | {"status": "VALI"})
    assert ask(scene, ANNE, authority=B).outcome == "many"
    assert ask(scene, ANNE, authority=C).outcome == "one"
