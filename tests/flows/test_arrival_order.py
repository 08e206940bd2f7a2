"""Who arrives first does not decide who somebody is: the same records in every order, and all at once."""

from __future__ import annotations

import itertools
import multiprocessing
from typing import Any

import pytest
from sqlalchemy import func, select

from mpi.flows.identify import identify
from mpi.flows.matcher import Ids
from mpi.flows.requests import IdentifyRequest
from mpi.store.tables import assertion, identity, membership, review, source_record
from mpi.store.transaction import Database
from tests.flows.scene import ANNE, START, A, B, C, Scene, make_matcher, person, sender
from tests.support.databases import url_of

PROCESSES, PEOPLE, CHAINS = 8, 150, 40
HOUSES = tuple(f"SITE-{n}" for n in range(PROCESSES))

FAMILIES = (
    "ABADIE",
    "BRUNEL",
    "CAZENAVE",
    "DELMAS",
    "ESNAULT",
    "FOURNEL",
    "GUILLOU",
    "HERBIN",
    "IMBERT",
    "JOUVE",
)
GIVENS = ("PAUL", "LUCIE", "HENRI", "ODETTE", "KARIM", "SYLVIE", "BRUNO", "TIPHAINE", "GERARD", "NOEMIE",
          "VICTOR", "ESTELLE", "MARCEL", "JOSIANE", "FABRICE")  # fmt: skip


def stranger(number: int) -> dict[str, Any]:
    """One of 150 people who have little in common."""
    return person(
        birth_name=FAMILIES[number % 10],
        family_name=None,
        given_names=(GIVENS[number // 10],),
        sex="FM"[number % 2],
        birth_date=f"{1930 + number % 71}-{number % 11 + 2:02}-{number % 23 + 3:02}",
        birth_place=f"{number % 80 + 10:02}{number + 100:03}",
    )


def chained(number: int, place: int) -> dict[str, Any]:
    """The same person in eight spellings: neighbours are surely the same, the ends of the chain less so."""
    told = stranger(number)
    given = told["given_names"][0]
    return told | {
        "given_names": (given, "ANGE") if place < 4 else (given,),
        "birth_place": told["birth_place"] if place < 6 else None,
        "phone": (f"06402{number:03}{place // 2:02}",),
        "city": "BREST" if place % 2 else None,
    }


def arrive(url: str, place: int, chain: bool, barrier: Any) -> None:
    """One process: brings every person as a record of its own site, in step with the others."""
    db = Database.open(url)
    matcher, ids = make_matcher(), Ids.system()
    for number in range(CHAINS if chain else PEOPLE):
        traits = chained(number, place) if chain else stranger(number)
        raw = Scene(db).request(HOUSES[place], f"{place}-{number}", traits).raw
        request = IdentifyRequest(actor=sender(HOUSES[place]), raw=raw, door="rest")
        barrier.wait(60)
        db.run_write(lambda tx, request=request: identify(tx, request, matcher, at=START, ids=ids))
    db.close()


def all_at_once(db: Database, *, chain: bool) -> None:
    Scene.open(db, houses=HOUSES)
    fresh = multiprocessing.get_context("spawn")
    barrier = fresh.Barrier(PROCESSES)
    running = [
        fresh.Process(target=arrive, args=(url_of(db), place, chain, barrier)) for place in range(PROCESSES)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    assert [process.exitcode for process in running] == [0] * PROCESSES


def test_eight_processes_bring_150_new_people_at_once_and_150_identities_stand(db) -> None:
    all_at_once(db, chain=False)
    with db.read() as tx:
        assert tx.execute(select(func.count()).select_from(source_record)).scalar_one() == PROCESSES * PEOPLE
        assert tx.execute(select(func.count()).select_from(identity)).scalar_one() == PEOPLE
        sizes = select(func.count()).select_from(membership).group_by(membership.c.identity_id)
        assert set(tx.execute(sizes).scalars()) == {PROCESSES}


def groups(db: Database) -> set[frozenset[str]]:
    """Local ids that hang together by links and open reviews: joined, or shown to a clerk side by side."""
    with db.read() as tx:
        local_ids = {row.record_id: row.local_id for row in tx.execute(select(source_record))}
        together = [
            {row.record_a, row.record_b} for row in tx.execute(select(assertion)) if row.kind == "link"
        ] + [set(row.records) for row in tx.execute(select(review)) if row.state == "open"]
    parts = [{record} for record in local_ids]
    for some in together:
        touched = [part for part in parts if part & some]
        parts = [part for part in parts if not part & some] + [set().union(*touched)]
    return {frozenset(local_ids[record] for record in part) for part in parts}


def test_a_chain_of_spellings_that_arrives_at_once_is_one_group_a_person(db) -> None:
    all_at_once(db, chain=True)
    expected = {frozenset(f"{place}-{number}" for place in range(PROCESSES)) for number in range(CHAINS)}
    assert groups(db) == expected


SAME = {"1": ANNE, "2": person(given_names=("ANNE",)), "3": person(birth_name="LEFÈVRE", city="BREST")}


@pytest.mark.parametrize("order", list(itertools.permutations(SAME)), ids="".join)
def test_one_person_told_in_three_spellings_is_one_identity_in_every_order(sqlite_db, order) -> None:
    scene = Scene.open(sqlite_db)
    for local_id in order:
        scene.tell({"1": A, "2": B, "3": C}[local_id], local_id, SAME[local_id])
    assert scene.partition() == {frozenset(SAME)}


# A record in the middle: it fits Anne and it fits Claire, who have nothing to do with each other.
GLUED = {
    "anne": person(family_name=None, given_names=("ANNE",), birth_place="75056", sex="F"),
    "middle": person(
        birth_name="LEFEVRE",
        family_name="TREGUIER",
        given_names=("ANNE", "MORGANE"),
        used_given_name="MORGANE",
        birth_date=None,
        birth_place=None,
        sex=None,
        phone=("0640281937",),
    ),
    "other": {
        "family_name": "TREGUIER",
        "given_names": ("MORGANE",),
        "sex": "M",
        "birth_date": "1984-11-05",
        "birth_place": "29019",
        "phone": ("0640281937",),
    },
}


@pytest.mark.parametrize("order", list(itertools.permutations(GLUED)), ids="-".join)
def test_a_record_in_the_middle_never_glues_two_people_and_one_review_shows_all_three(
    sqlite_db, order
) -> None:
    scene = Scene.open(sqlite_db, matcher=make_matcher(population=2))
    for local_id in order:
        scene.tell({"anne": A, "middle": B, "other": C}[local_id], local_id, GLUED[local_id])
    assert not [part for part in scene.partition() if {"anne", "other"} <= part]
    assert groups(scene.db) == {frozenset(GLUED)}
