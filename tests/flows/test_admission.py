"""Who and what may be answered at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mpi.errors import NotAllowed, Unprocessable
from mpi.security.actors import Actor, Role
from mpi.store.tables import (
    authority,
    source_record,
)
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


@pytest.mark.parametrize("local_id", ["", "  ", "a\x00b", "a\nb", "x" * 257])
def test_a_local_id_that_no_system_can_have_given_is_refused(lite: Scene, local_id: str) -> None:
    with pytest.raises(Unprocessable) as raised:
        lite.tell(A, local_id, ANNE)
    assert raised.value.details["field"] == "local_id"
