"""`POST /v1/match`: machines get certainty and no traits, people get candidates, nobody can harvest."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest

from matching.records import RawRecord
from mpi.doors.rest.probes import ProbeQuota
from mpi.errors import TooMany
from tests.doors.doorway import ANNE, JEAN, Doorway

NOBODY = {"birth_name": "TROADEC", "given_names": "SOIZIC", "sex": "F", "birth_date": "1990-07-05"}


def ask(door: Doorway, caller: str, traits: dict[str, Any]) -> dict[str, Any]:
    """A question that is answered."""
    answer = door.client(caller).post("/v1/match", json={"traits": traits})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def two_of_one_face(door: Doorway) -> None:
    """Two identities that one question fits: brothers told apart by nothing but the local id."""
    twin = {**JEAN, "multiple_birth": "1"}
    door.identify("sender-a", "t1", twin)
    door.identify("sender-a", "t2", {**JEAN, "multiple_birth": "2"})


def test_a_sender_gets_one_certain_identity_or_none_and_no_traits(door: Doorway) -> None:
    known = door.identify("sender-a", "0042", ANNE)
    assert ask(door, "sender-b", ANNE) == {"outcome": "one", "identity_id": known["identity_id"]}
    assert ask(door, "sender-b", NOBODY) == {"outcome": "none", "identity_id": None}


def test_none_and_many_have_one_shape(door: Doorway) -> None:
    two_of_one_face(door)
    many = ask(door, "sender-b", JEAN)
    none = ask(door, "sender-b", NOBODY)
    assert many == {"outcome": "many", "identity_id": None}
    assert set(many) == set(none)


def test_a_reading_role_gets_candidates_with_evidence_that_adds_up(door: Doorway) -> None:
    known = door.identify("sender-a", "0042", ANNE)
    answer = ask(door, "reader", ANNE)
    best = answer["candidates"][0]
    assert best["identity_id"] == known["identity_id"]
    assert sum(one["weight"] for one in best["evidence"]) == pytest.approx(best["match_weight"])


def test_a_question_stores_nothing(door: Doorway) -> None:
    ask(door, "sender-a", ANNE)
    with door.db.read() as tx:
        for table in ("source_record", "decision", "identity", "blocking_key", "review"):
            assert tx.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0, table


@pytest.mark.parametrize(
    ("traits", "rule"),
    [
        ({"birth_name": "LEFEVRE", "sex": "F"}, "at-least-three"),
        ({"birth_name": "LEFEVRE"}, "at-least-three"),
        ({"birth_name": "LEF*", "sex": "F", "birth_date": "1958-02-28"}, "no-wildcard"),
        ({"birth_name": "LEF%", "sex": "F", "birth_date": "1958-02-28"}, "no-wildcard"),
        ({"birth_name": "LEFEVRE", "given_names": ["AN?E"], "birth_date": "1958"}, "no-wildcard"),
        ({"sex": "F", "birth_date": "1958-02-28", "birth_place": "75056"}, "name-missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_question_needs_three_traits_and_no_wildcard(
    shared_door: Doorway, traits: dict[str, Any], rule: str
) -> None:
    answer = shared_door.client("reader").post("/v1/match", json={"traits": traits})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "traits", "rule": rule}]


def test_a_sender_may_ask_about_so_many_different_persons_an_hour(open_door: Callable[..., Doorway]) -> None:
    door = open_door(match_probes_per_hour=3)
    questions = [{**ANNE, "birth_date": f"1958-02-0{day}"} for day in range(1, 5)]
    for question in [*questions[:3], *questions[:3]]:  # asking again about the same person is free
        ask(door, "sender-a", question)
    answer = door.client("sender-a").post("/v1/match", json={"traits": questions[3]})
    assert (answer.status_code, answer.json()["code"]) == (429, "too-many")
    assert 0 < int(answer.headers["retry-after"]) <= 3600
    assert ask(door, "sender-a", questions[0])["outcome"] == "none"
    ask(door, "sender-b", questions[3])  # each sender has its own hour
    ask(door, "reader", questions[3])  # a reading role has none


def test_the_hour_slides() -> None:
    now = [0.0]
    quota = ProbeQuota(2, clock=lambda: now[0])
    first, second, third = (RawRecord(family_name=name) for name in ("A", "B", "C"))
    quota.count("sender:x", first)
    now[0] = 1800.0
    quota.count("sender:x", second)
    now[0] = 3000.0
    with pytest.raises(TooMany) as refused:
        quota.count("sender:x", third)
    assert refused.value.retry_after == 600
    now[0] = 3600.0
    quota.count("sender:x", third)
    with pytest.raises(TooMany):
        quota.count("sender:x", first)


@pytest.mark.long
def test_none_and_many_take_the_same_time(door: Doorway) -> None:
    """Medians of alternating questions; a factor of two is far above noise."""
    two_of_one_face(door)
    took: dict[str, list[float]] = {"none": [], "many": []}
    for number in range(20):
        for outcome, traits in (("none", NOBODY), ("many", JEAN)):
            started = time.perf_counter()
            answer = ask(door, "sender-b" if number % 2 else "sender-a", traits)
            took[outcome].append(time.perf_counter() - started)
            assert answer["outcome"] == outcome
    assert 0.5 < statistics.median(took["none"]) / statistics.median(took["many"]) < 2.0
