"""Who and what may be answered at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from matching.nir import nir_key
from mpi.errors import NotAllowed, RecordedRefusal, Unprocessable
from mpi.flows.requests import StudyRef
from mpi.security.actors import Actor, Role
from mpi.store.tables import authority, nir_count, source_record, study
from tests.flows.scene import ANNE, JEAN, A, B, C, Scene, sender


@pytest.mark.parametrize(
    "other", [{"traits": JEAN}, {"traits": ANNE, "study": "1.2.9"}], ids=["other traits", "other study"]
)
def test_one_key_for_two_messages_is_refused(lite: Scene, other) -> None:
    lite.tell(A, "1", ANNE, idempotency_key="k1")
    with pytest.raises(Unprocessable) as raised:
        lite.tell(A, "1", other["traits"], study=other.get("study"), idempotency_key="k1")
    assert raised.value.details["field"] == "Idempotency-Key"
    elsewhere = replace(lite.request(A, "1", ANNE, idempotency_key="k1"), actor=sender(A, name="sender:two"))
    assert lite.send(elsewhere).outcome == "known", "a key belongs to its caller"


@pytest.mark.parametrize("changed", [{"accession_number": "A-18"}, {"description": "Abdomen"}], ids=str)
def test_one_key_stands_for_everything_said_of_the_study(lite: Scene, changed: dict[str, str]) -> None:
    ref = StudyRef(study_instance_uid="1.2.3", accession_number="A-17", description="Thorax")
    request = replace(lite.request(A, "1", ANNE, idempotency_key="k1"), study=ref)
    lite.send(request)
    with pytest.raises(Unprocessable) as raised:
        lite.send(replace(request, study=replace(ref, **changed)))
    assert raised.value.details["field"] == "Idempotency-Key"


@pytest.mark.parametrize(
    ("actor", "authority_name", "error", "why"),
    [
        (sender(A), B, NotAllowed, "another's authority"),
        (sender(A, "NOWHERE"), "NOWHERE", Unprocessable, "an authority that nobody declared"),
        (sender("AE:CT1"), "AE:CT1", Unprocessable, "only the gateway opens provisional domains"),
        (Actor(actor_id="user:u", roles=frozenset({Role.CLERK})), A, NotAllowed, "a clerk tells no record"),
    ],
)
def test_who_may_not_speak_changes_nothing(lite: Scene, actor, authority_name, error, why) -> None:
    before = lite.counts()
    with pytest.raises(error):
        lite.tell(authority_name, "1", ANNE, actor=actor)
    assert lite.counts() == before, why


def test_the_gateway_opens_a_provisional_domain_for_an_unknown_sender(scene: Scene) -> None:
    gateway = Actor(actor_id="system:gateway", roles=frozenset())
    assert scene.tell("AE:CT1", "1", ANNE, actor=gateway).outcome == "new"
    assert scene.tell("AE:CT1", "2", JEAN, actor=gateway).outcome == "new"
    assert {row["authority"] for row in scene.rows(authority)} == {A, B, C, "AE:CT1"}


def test_an_authority_may_be_told_by_its_oid(lite: Scene) -> None:
    with lite.db.write() as tx:
        tx.execute(authority.update().where(authority.c.authority == A).values(oid="1.2.250.1.999"))
    first = lite.tell("1.2.250.1.999", "1", ANNE)
    assert lite.tell(A, "1", ANNE).identity_id == first.identity_id
    assert len(lite.rows(source_record)) == 1


@pytest.mark.parametrize(
    ("told", "again", "why"),
    [
        ("W1", "W1 ", "padding at the end"),
        (" W1", "W1", "padding in front"),
        ("W1\u00a0", "W1", "a no-break space"),
        ("cafe\u0301", "caf\u00e9", "one letter in two code points"),
        ("x" * 256, " " + "x" * 256, "what is stored counts, not its padding"),
    ],
)
def test_a_local_id_is_one_whatever_its_padding_and_composition(
    lite: Scene, told: str, again: str, why: str
) -> None:
    first = lite.tell(A, told, ANNE, idempotency_key="k1")
    assert lite.tell(A, again, ANNE).outcome == "known", why
    assert lite.tell(A, again, ANNE, idempotency_key="k1").decision_id == first.decision_id, why
    assert len(lite.rows(source_record)) == 1


def test_a_local_id_differs_in_case_and_inner_spaces(lite: Scene) -> None:
    for local_id in ("w1", "W1", "W 1"):
        lite.tell(A, local_id, ANNE)
    assert {row["local_id"] for row in lite.rows(source_record)} == {"w1", "W1", "W 1"}


def fictitious_number() -> str:
    """A social security number of nobody, with its key."""
    body = "1850575056000"
    return body + nir_key(body)


def test_a_modality_that_is_a_social_security_number_is_dropped_and_counted(lite: Scene) -> None:
    ref = StudyRef(study_instance_uid="1.2.3", modality=fictitious_number())
    answer = lite.send(replace(lite.request(A, "1", ANNE), study=ref))
    assert [(hit.field, hit.rule) for hit in answer.dropped] == [("study.modality", "R2")]
    assert lite.rows(study)[0]["modality"] is None
    assert [row["field"] for row in lite.rows(nir_count)] == ["study.modality"]


def test_an_archive_that_is_a_social_security_number_is_refused_and_counted(lite: Scene) -> None:
    ref = StudyRef(study_instance_uid="1.2.3", archive=fictitious_number())
    with pytest.raises(RecordedRefusal) as raised:
        lite.send(replace(lite.request(A, "1", ANNE), study=ref))
    assert raised.value.details == {"field": "study.archive", "rule": "R2"}
    assert not lite.rows(source_record)
    assert [row["field"] for row in lite.rows(nir_count)] == ["study.archive"]


@pytest.mark.parametrize("local_id", ["", "  ", "\u00a0", "a\x00b", "a\nb", "x" * 257])
def test_a_local_id_that_no_system_can_have_given_is_refused(lite: Scene, local_id: str) -> None:
    with pytest.raises(Unprocessable) as raised:
        lite.tell(A, local_id, ANNE)
    assert raised.value.details["field"] == "local_id"
