"""What is kept out, and what stops by itself: social security numbers, and too many automatic links a day."""

from __future__ import annotations

from datetime import timedelta

import pytest

from matching.blocking import BLOCK_CAP
from matching.records import Identifier
from mpi.errors import RecordedRefusal
from mpi.flows import candidates, link_cap
from mpi.flows.requests import StudyRef
from mpi.store.tables import link_count, metadata, nir_count, source_record
from tests.flows.scene import ANNE, START, A, B, C, Scene, person


def fictitious_nir() -> str:
    """Valid in form, of nobody: order number 000. Built here so that no file holds one."""
    body = "2" + "58" + "02" + "75" + "056" + "000"
    return body + f"{97 - int(body) % 97:02}"


@pytest.fixture
def scene(sqlite_db) -> Scene:
    return Scene.open(sqlite_db)


def everything(scene: Scene) -> str:
    return " ".join(str(scene.rows(table)) for table in metadata.sorted_tables)


def test_a_number_in_any_field_is_dropped_counted_and_nowhere_to_be_found(scene: Scene) -> None:
    nir = fictitious_nir()
    told = person(
        address=f"3 RUE HAUTE {nir}",
        phone=(nir, "0298000000"),
        identifiers=(Identifier(value=nir), Identifier(value="77", issuer="REGION")),
    )
    request = scene.request(A, "1", told)
    study = StudyRef(study_instance_uid="1.2.3", description=f"THORAX {nir}", accession_number=nir)
    answer = scene.send(type(request)(actor=request.actor, raw=request.raw, door="rest", study=study))
    fields = {hit.field for hit in answer.dropped}
    assert fields == {"address", "phone.0", "identifiers.0", "study.description", "study.accession_number"}
    assert nir not in everything(scene)
    assert nir not in str(answer)
    assert sum(row["count"] for row in scene.rows(nir_count)) == 5


def test_the_digest_never_saw_the_number(scene: Scene) -> None:
    """Otherwise the digest would let somebody try every number of a known birth date."""
    with_number = scene.tell(A, "1", person(address=fictitious_nir()))
    digest = scene.rows(source_record)[0]["digest"]
    without = scene.tell(A, "1", ANNE)
    assert (without.outcome, without.decision_id) == ("known", with_number.decision_id)
    assert scene.rows(source_record)[0]["digest"] == digest


def test_a_known_record_with_a_number_is_counted_each_time(scene: Scene) -> None:
    for _ in range(3):
        scene.tell(A, "1", person(address=fictitious_nir()))
    assert [row["count"] for row in scene.rows(nir_count)] == [3]


@pytest.mark.parametrize("where", ["local_id", "Idempotency-Key"])
def test_a_number_in_the_place_of_an_identifier_is_refused_and_counted(scene: Scene, where: str) -> None:
    nir = fictitious_nir()
    local_id, key = (nir, None) if where == "local_id" else ("1", nir)
    with pytest.raises(RecordedRefusal) as raised:
        scene.tell(A, local_id, ANNE, idempotency_key=key)
    assert raised.value.details["field"] == where
    assert nir not in str(raised.value.details)
    assert scene.rows(source_record) == []
    assert [(row["field"], row["count"]) for row in scene.rows(nir_count)] == [(where, 1)]


def test_past_the_daily_cap_a_certain_link_becomes_a_review(scene: Scene) -> None:
    scene.tell(A, "1", ANNE)
    with scene.db.write() as tx:
        tx.execute(link_count.insert().values(authority=B, day="2026-11-24", count=link_cap.AT_LEAST))
    stopped = scene.tell(B, "2", ANNE)
    assert (stopped.outcome, stopped.provisional) == ("review", True)
    assert "daily-cap" in scene.last_decision()["reasons"]
    assert scene.tell(C, "3", ANNE).outcome == "review", "two identities are alike by now"
    scene.now += timedelta(days=1)
    tomorrow = scene.tell(B, "4", person(birth_name="MOREL", family_name=None, birth_date="1990-04-05"))
    assert tomorrow.outcome == "new"


@pytest.mark.parametrize(
    ("days_before", "links_each", "today", "reached", "why"),
    [
        (0, 0, 999, False, "a thousand a day is everybody's"),
        (0, 0, 1000, True, "and no more, without a history"),
        (28, 500, 1400, False, "three times the mean of 28 days is more than a thousand"),
        (28, 500, 1500, True, "and that is the end"),
        (60, 500, 1500, True, "older days do not count"),
        (14, 500, 1000, True, "a mean over 28 days, not over those with links"),
    ],
)
def test_the_cap_is_the_larger_of_a_thousand_and_three_times_the_mean(
    scene: Scene, days_before, links_each, today, reached, why
) -> None:
    with scene.db.write() as tx:
        for back in range(1, days_before + 1):
            day = (START - timedelta(days=back)).date().isoformat()
            tx.execute(link_count.insert().values(authority=A, day=day, count=links_each))
        tx.execute(link_count.insert().values(authority=A, day=START.date().isoformat(), count=today))
        assert link_cap.reached(tx, authority=A, at=START) is reached, why


def test_a_key_with_too_many_records_meets_nobody_and_the_decision_says_so(scene: Scene, monkeypatch) -> None:
    monkeypatch.setattr(candidates, "BLOCK_CAP", 3)
    candidates._blocks.cache_clear()
    for number in range(5):
        scene.tell(A, str(number), person(birth_name=f"NOM{'ABCDE'[number] * 4}", family_name=None))
    scene.tell(B, "b", person(birth_name="VERDIER", family_name=None))
    kept = scene.last_decision()["keys"]
    assert "date_place" in kept["cut"]
    assert "date_place" not in kept["met"]
    candidates._blocks.cache_clear()
    assert BLOCK_CAP == 500
