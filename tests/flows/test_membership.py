"""Membership is derived: whatever happened, replaying the assertions writes the same table, byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from matching.records import RawRecord
from mpi.flows import membership, told
from mpi.flows.rescore import rescore
from mpi.store.tables import assertion, identity, ledger_body
from mpi.store.tables import membership as table
from tests.flows.scene import ANNE, JEAN, A, B, C, Scene, person

# People who are alike in every way the index knows: same, misspelt, twin, father and son, somebody else.
TOLD = (
    ANNE,
    person(given_names=("ANNE",)),
    person(birth_name="LEFEBURE"),
    person(given_names=("CLAIRE",)),
    person(birth_date="1958-02-27"),
    person(birth_place=None, sex=None, family_name=None),
    JEAN,
)
HOUSES = (A, B, C)


def as_bytes(scene: Scene) -> bytes:
    with scene.db.read() as tx:
        return json.dumps(
            [list(row) for row in tx.execute(select(table).order_by(table.c.record_id))]
        ).encode()


def rebuilt(scene: Scene) -> bytes:
    with scene.db.write() as tx:
        tx.execute(delete(table))
        membership.rebuild(tx)
    return as_bytes(scene)


steps = st.one_of(
    st.tuples(st.just("tell"), st.sampled_from(HOUSES), st.integers(1, 3), st.integers(0, len(TOLD) - 1)),
    st.tuples(st.just("not_same"), st.integers(0, 8), st.integers(0, 8)),
    st.tuples(st.just("link"), st.integers(0, 8), st.integers(0, 8)),
    st.tuples(st.just("retract"), st.integers(0, 8)),
    st.tuples(st.just("rescore"), st.integers(0, 8)),
)


def play(scene: Scene, step: tuple[Any, ...]) -> None:
    """One thing that senders, clerks and the worker do; impossible ones are left out."""
    records = sorted(row["local_id"] for row in scene.rows(membership.source_record))
    gone = {row["retracts"] for row in scene.rows(assertion, assertion.c.kind == "retract")}
    match step:
        case ("tell", house, number, who):
            scene.tell(house, f"{house}-{number}", TOLD[who])
        case ("retract", which):
            standing = sorted(
                row["assertion_id"]
                for row in scene.rows(assertion, assertion.c.kind != "retract")
                if row["assertion_id"] not in gone
            )
            if standing:
                scene.assert_by_clerk("retract", retracts=standing[which % len(standing)])
        case ("rescore", which) if records:
            with scene.db.write() as tx:
                chosen = tx.execute(select(table.c.record_id).order_by(table.c.record_id)).scalars().all()
                again = {"record_id": chosen[which % len(chosen)]}
                rescore(tx, again, scene.matcher, at=scene.now, ids=scene.ids)
        case (kind, a, b) if len(records) > 1 and a % len(records) != b % len(records):
            scene.assert_by_clerk(kind, records[a % len(records)], records[b % len(records)])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, min_size=4, max_size=14))
def test_replaying_the_assertions_rebuilds_the_table_byte_for_byte(
    sqlite_db, tmp_path_factory, story: list[tuple[Any, ...]]
) -> None:
    path = tmp_path_factory.mktemp("story") / "mpi.db"
    path.write_bytes(sqlite_db.path.read_bytes())
    db = type(sqlite_db).open(f"sqlite:///{path}")
    scene = Scene.open(db)
    for step in story:
        play(scene, step)
        before = as_bytes(scene)
        assert rebuilt(scene) == before
        with db.read() as tx:
            state = membership.replay(tx)
        assert not [pair for pair in state.not_same for one in state.identities if pair <= set(one.records)]
        automatic = [link for link in state.suspended if not link.manual]
        last = max((row["position"] for row in scene.rows(assertion)), default=-1)
        assert not [link for link in automatic if link.position == last and step[0] == "tell"]
    cut = state.bars
    for record_id in [record for record, _ in state.membership]:
        with db.write() as tx:
            rescore(tx, {"record_id": record_id}, scene.matcher, at=scene.now, ids=scene.ids)
    with db.read() as tx:
        assert membership.replay(tx).bars >= cut, "no automatic link crosses what was taken back"
    db.close()


def test_the_ledger_alone_holds_what_the_fold_needs(sqlite_db) -> None:
    scene = Scene.open(sqlite_db)
    scene.tell(A, "1", ANNE)
    scene.tell(B, "2", ANNE)
    scene.tell(C, "3", person(birth_name="LEFEURE", family_name=None, birth_date="1958-03-28"))
    scene.tell(C, "3", ANNE)
    entries = [json.loads(row["body"]) for row in scene.rows(ledger_body)]
    minted = {
        (entry["after"]["minted"], entry["subjects"]["records"][0], entry["position"])
        for entry in entries
        if entry["after"]["minted"]
    }
    links = {
        (entry["after"]["link"]["assertion_id"], entry["after"]["link"]["record_a"], entry["position"])
        for entry in entries
        if entry["after"]["link"]
    }
    assert minted == {(row["identity_id"], row["record_id"], row["position"]) for row in scene.rows(identity)}
    assert links == {(row["assertion_id"], row["record_a"], row["position"]) for row in scene.rows(assertion)}
    assert len(links) == 2


def test_an_identity_without_an_id_stops_the_rebuild_and_nothing_is_changed(sqlite_db) -> None:
    scene = Scene.open(sqlite_db)
    scene.tell(A, "1", ANNE)
    before = as_bytes(scene)
    raw = RawRecord(authority=A, local_id="2")
    with scene.db.write() as tx:
        told.add_record(
            tx, record_id="r2", raw=raw, digest=bytes(32), e_id=None, unidentified=False, at=scene.now
        )
    with pytest.raises(ValueError, match="no identity id"), scene.db.write() as tx:
        membership.rebuild(tx)
    assert as_bytes(scene) == before


def test_who_must_stay_apart_follows_the_members_of_both_sides(db) -> None:
    scene = Scene.open(db)
    ids = {}
    for local_id, traits in (
        ("1", ANNE),
        ("2", JEAN),
        ("3", person(birth_name="MOREAU", birth_date="1990-05-06")),
    ):
        ids[local_id] = scene.tell(A, local_id, traits).identity_id
    scene.assert_by_clerk("not_same", "1", "2")
    with scene.db.read() as tx:
        assert membership.apart(tx, ids["1"]) == membership.Apart(not_same=frozenset({ids["2"]}))
        assert membership.apart(tx, ids["3"]) == membership.NOBODY
    link = scene.assert_by_clerk("link", "2", "3")
    with scene.db.read() as tx:
        assert membership.apart(tx, ids["1"]).not_same == {ids["2"]}
        assert membership.members(tx, ids["3"]) == frozenset(), "a retired id holds nobody"
    scene.assert_by_clerk("retract", retracts=link)
    with scene.db.read() as tx:
        assert membership.apart(tx, ids["3"]) == membership.Apart(barred=frozenset({ids["2"]}))
        assert membership.apart(tx, ids["2"]) == membership.Apart(
            not_same=frozenset({ids["1"]}), barred=frozenset({ids["3"]})
        )
