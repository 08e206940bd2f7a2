"""Several at once: one effect a message, one record a local id, and no decision on a world that moved."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mpi.errors import MpiError
from mpi.flows import judgement, rescore
from mpi.flows.identify import identify
from mpi.flows.matcher import Ids
from mpi.flows.requests import IdentifyAnswer, IdentifyRequest
from mpi.store.tables import decision, identity, record_version, source_record, study
from mpi.store.transaction import Contended
from tests.flows.scene import ANNE, JEAN, START, A, B, C, Scene, person

CALLERS = 8


@pytest.fixture
def scene(db) -> Scene:
    return Scene.open(db, ids=Ids.system())


def together(scene: Scene, requests: list[IdentifyRequest]) -> list[IdentifyAnswer | MpiError]:
    """All at once, each in a thread of its own, tried again as a door does."""
    barrier = threading.Barrier(len(requests))
    answers: list[Any] = [None] * len(requests)

    def call(place: int) -> None:
        def work(tx):
            return identify(tx, requests[place], scene.matcher, at=START, ids=scene.ids)

        barrier.wait(30)
        try:
            answers[place] = scene.db.run_write(work)
        except MpiError as error:
            answers[place] = error

    threads = [threading.Thread(target=call, args=(place,)) for place in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def test_a_storm_of_one_message_has_one_effect_and_one_answer(scene: Scene) -> None:
    request = scene.request(A, "1", ANNE, idempotency_key="k", study="1.2.3")
    answers = together(scene, [request] * CALLERS)
    assert answers == [answers[0]] * CALLERS
    assert isinstance(answers[0], IdentifyAnswer)
    assert (len(scene.rows(source_record)), len(scene.rows(decision)), len(scene.rows(study))) == (1, 1, 1)


def test_one_record_told_by_many_at_once_is_stored_once(scene: Scene) -> None:
    answers = together(scene, [scene.request(A, "1", ANNE)] * CALLERS)
    assert sorted(one.outcome for one in answers) == ["known"] * (CALLERS - 1) + ["new"]
    assert len(scene.rows(record_version)) == 1


def test_one_record_told_differently_at_once_keeps_every_version(scene: Scene) -> None:
    told = [person(city=city) for city in ("BREST", "QUIMPER", "MORLAIX", "LANNION")]
    answers = together(scene, [scene.request(A, "1", traits) for traits in told])
    assert len({one.identity_id for one in answers}) == 1
    assert sorted(row["version"] for row in scene.rows(record_version)) == [1, 2, 3, 4]


def test_one_study_told_with_two_records_at_once_has_one_of_them(scene: Scene) -> None:
    answers = together(
        scene, [scene.request(A, "1", ANNE, study="1.2.3"), scene.request(B, "2", JEAN, study="1.2.3")]
    )
    assert len([one for one in answers if isinstance(one, IdentifyAnswer)]) == 1
    assert [one.code for one in answers if isinstance(one, MpiError)] == ["conflict"]
    assert len(scene.rows(study)) == 1
    assert len(scene.open_reviews()) == 1


def while_deciding(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Lets something happen once, in another transaction, between scoring and writing."""
    decide, todo = judgement.decide, [happens]

    def decide_slowly(*told: Any, **more: Any) -> Any:
        if todo:
            todo.pop()()
        return decide(*told, **more)

    monkeypatch.setattr(judgement, "decide", decide_slowly)


OTHER = person(birth_name="MOREL", family_name=None, given_names=("ZOE",), birth_date="1990-04-05")


@pytest.mark.needs("postgresql")
def test_a_candidate_that_moves_while_a_link_is_decided_makes_all_be_tried_again(
    postgresql_db, monkeypatch
) -> None:
    scene = Scene.open(postgresql_db)
    older = scene.tell(C, "9", OTHER)
    scene.tell(A, "1", ANNE)
    while_deciding(monkeypatch, lambda: scene.assert_by_clerk("link", "1", "9"))
    with pytest.raises(Contended):
        scene.tell(B, "2", ANNE)
    assert len(scene.rows(source_record)) == 2, "nothing of the first attempt is there"
    again = scene.tell(B, "2", ANNE)
    assert again.identity_id in (older.identity_id, scene.rows(identity)[-1]["identity_id"])


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize("kind", ["not_same", "link"])
def test_a_clerk_who_acts_on_a_record_while_it_is_linked_is_not_overrun(
    postgresql_db, monkeypatch, kind: str
) -> None:
    scene = Scene.open(postgresql_db)
    scene.tell(C, "9", OTHER)
    scene.tell(A, "1", ANNE)
    scene.tell(B, "2", person(birth_name="LEFEURE", family_name=None, birth_date="1958-03-28"))
    partner = "1" if kind == "not_same" else "9"
    while_deciding(monkeypatch, lambda: scene.assert_by_clerk(kind, "2", partner))
    with pytest.raises(Contended):
        scene.tell(B, "2", ANNE)
    scene.tell(B, "2", ANNE)
    together_now = [part for part in scene.partition() if {"1", "2"} <= part]
    assert not together_now, "the clerk's word came first"


@pytest.mark.needs("postgresql")
def test_what_another_had_just_stored_is_seen_after_the_lock(postgresql_db) -> None:
    """The second to get the lock sees the first one's record although it had looked before."""
    scene = Scene.open(postgresql_db, ids=Ids.system())
    request = scene.request(A, "1", ANNE)
    answers = together(scene, [request, replace(request, raw=replace(request.raw, city="BREST"))])
    assert len({one.identity_id for one in answers}) == 1
    assert len(scene.rows(source_record)) == 1


@pytest.mark.parametrize(
    ("change", "decided_on", "why"),
    [
        ({"address": "3 RUE HAUTE"}, 2, "the words of now are scored"),
        ({"email": ("a@exemple.fr",)}, None, "a new key asks for a lock that is not held: all again"),
    ],
)
def test_a_record_scored_again_is_decided_on_what_it_says_once_the_lock_is_held(
    db, monkeypatch, change: dict[str, Any], decided_on: int | None, why: str
) -> None:
    scene = Scene.open(db, ids=Ids.system())
    scene.tell(A, "1", ANNE)
    patient = scene.matcher
    scene.matcher = replace(patient, deadline=-1.0)
    scene.tell(B, "2", ANNE)
    waiting = scene.rows(source_record, source_record.c.local_id == "2")[0]["record_id"]
    lock = rescore.lock_stripes

    def another_first(tx: Any, hashes: set[int]) -> None:
        told = scene.request(B, "2", ANNE | change)
        late = START + timedelta(minutes=1)
        if db.dialect == "sqlite":  # one transaction writes at a time: the same one stands for it
            identify(tx, told, scene.matcher, at=late, ids=scene.ids)
        else:
            with db.write() as other:
                identify(other, told, scene.matcher, at=late, ids=scene.ids)
        lock(tx, hashes)

    monkeypatch.setattr(rescore, "lock_stripes", another_first)
    expected = contextlib.nullcontext() if decided_on else pytest.raises(Contended)
    with expected, db.write() as tx:
        rescore.rescore(tx, {"record_id": waiting}, patient, at=START + timedelta(minutes=2), ids=scene.ids)
    versions = [row["version"] for row in scene.rows(decision) if row["actor"] == rescore.WORKER.actor_id]
    assert versions == ([decided_on] if decided_on else []), why
