"""What the header of an image leaves out is not withdrawn, and what it says is not believed blindly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from matching.normalise import normalise
from matching.records import Identifier, RawRecord
from mpi.flows.partial import basis, completed
from mpi.flows.told import Version
from mpi.store.tables import record_version
from tests.flows.scene import ANNE, JEAN, A, Scene, person

BEFORE = RawRecord(
    authority="A",
    local_id="1",
    family_name="MARTIN",
    birth_name="LEFÈVRE-D'ORMOIS",
    given_names=("ANNE", "MARIE"),
    sex="F",
    birth_date="1958-02-28",
    birth_place="75056",
    phone=("0640281937",),
    identifiers=(Identifier(value="7", issuer="OLD"),),
)
BARE = RawRecord(authority="A", local_id="1")


def newest(scene: Scene) -> dict[str, Any]:
    """The latest version that any record has."""
    return max(scene.rows(record_version), key=lambda row: row["version"])


@pytest.mark.parametrize(
    ("told", "differs", "why"),
    [
        ({}, {}, "nothing told withdraws nothing"),
        ({"family_name": "Martin", "given_names": ("Anne",)}, {}, "the first given name is no shorter list"),
        ({"family_name": "LEFEVRE D ORMOIS"}, {}, "the birth name is no new used name"),
        ({"birth_name": "LEFEVRE D'ORMOIS"}, {}, "a name without its accents is no new name"),
        ({"family_name": "DURAND"}, {"family_name": "DURAND"}, "another name is a change"),
        (
            {"identifiers": (Identifier(value="8", issuer="NEW"),)},
            {"identifiers": (Identifier(value="7", issuer="OLD"), Identifier(value="8", issuer="NEW"))},
            "identifiers add up",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_header_is_read_together_with_what_was_told_before(told, differs, why: str) -> None:
    assert completed(replace(BARE, **told), BEFORE) == replace(BEFORE, **differs), why


@pytest.mark.parametrize(
    ("told", "stands_alone", "why"),
    [
        ({"given_names": ("ANNE",), "birth_date": "19580228", "sex": "F"}, False, "all as it was"),
        ({"family_name": "DURAND"}, False, "a used name may change"),
        ({"given_names": ("MARIE",)}, True, "another first given name"),
        ({"given_names": ("ANNE",), "birth_date": "19580227"}, True, "another date"),
        ({"given_names": ("ANNE",), "sex": "M"}, True, "another sex"),
        ({"birth_name": "DURAND"}, True, "another birth name"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_words_that_contradict_a_strict_trait_are_completed_in_nothing(
    told: dict[str, Any], stands_alone: bool, why: str
) -> None:
    before = Version(version=1, raw=BEFORE, record=normalise(BEFORE), disputed=False)
    said = normalise(replace(BARE, **told))
    assert basis(said, [before]) == (None if stands_alone else BEFORE), why
    assert basis(said, [replace(before, disputed=True)]) is None, "a disputed version lends nothing"


def test_a_family_name_of_unknown_kind_is_strict_where_no_birth_name_is_told() -> None:
    raw = replace(BEFORE, birth_name=None)
    before = Version(version=1, raw=raw, record=normalise(raw), disputed=False)
    assert basis(normalise(replace(BARE, family_name="DURAND")), [before]) is None
    assert basis(normalise(replace(BARE, family_name="DURAND", birth_name="LEFEVRE")), [before]) == raw


def test_a_checked_status_stays_with_the_traits_that_were_checked(sqlite_db) -> None:
    scene = Scene.open(sqlite_db, sends_status=(A,))
    scene.tell(A, "1", person(status="QUAL", phone=("0640281937",)))
    header = {"family_name": "MARTIN", "given_names": ("ANNE",), "sex": "F", "birth_date": "1958-02-27"}
    scene.tell(A, "1", header, partial=True, door="dimse")
    raw = newest(scene)["raw"]
    assert not {"status", "phone", "birth_place"} & set(raw), "the telling alone: it counts as PROV"
    scene.tell(A, "1", header | {"birth_date": "1958-02-28"}, partial=True, door="dimse")
    assert newest(scene)["raw"]["status"] == "QUAL", "completed from the version that it fits"


def test_an_image_that_tells_less_than_the_register_changes_nothing(db) -> None:
    scene = Scene.open(db)
    first = scene.tell(A, "1", ANNE)
    header = {"family_name": "MARTIN", "given_names": ("Anne",), "sex": "F", "birth_date": "19580228"}
    again = scene.tell(A, "1", header, partial=True, door="dimse")
    assert (again.outcome, again.identity_id, again.decision_id) == (
        "known",
        first.identity_id,
        first.decision_id,
    )
    assert len(scene.rows(record_version)) == 1


def test_an_image_that_corrects_one_trait_keeps_the_others(db) -> None:
    scene = Scene.open(db)
    scene.tell(A, "1", ANNE)
    scene.tell(A, "1", {"family_name": "DURAND", "given_names": ("ANNE",)}, partial=True, door="dimse")
    raw = newest(scene)["raw"]
    assert raw["family_name"] == "DURAND"
    assert raw["birth_place"] == ANNE["birth_place"]
    assert raw["given_names"] == ["ANNE", "MARIE"]


def test_an_image_of_another_person_under_a_known_id_is_an_overlay_however_little_it_tells(db) -> None:
    scene = Scene.open(db)
    scene.tell(A, "1", person(phone=("0640281937",), email=("a@b.invalid",), address="1 RUE X"))
    header = {"family_name": "KERVADEC", "given_names": ("JEAN",), "sex": "M", "birth_date": "19710913"}
    answer = scene.tell(A, "1", header, partial=True, door="dimse")
    assert answer.outcome == "review"
    assert [review["kind"] for review in scene.open_reviews()] == [2]
    disputed = newest(scene)
    assert disputed["disputed"]
    assert "birth_place" not in disputed["raw"], "two people must not be mixed in one version"
    repeated = scene.tell(A, "1", header, partial=True, door="dimse")
    assert repeated.outcome == "known"
    assert repeated.provisional
    assert len(scene.rows(record_version)) == 2


def test_a_full_telling_still_withdraws(db) -> None:
    scene = Scene.open(db)
    scene.tell(A, "1", person(phone=("0640281937",)))
    scene.tell(A, "1", ANNE)
    assert "phone" not in newest(scene)["raw"]


def test_an_image_may_be_the_first_to_tell(db) -> None:
    scene = Scene.open(db)
    header = {"family_name": "KERVADEC", "given_names": ("JEAN",), "sex": "M", "birth_date": "19710913"}
    first = scene.tell(A, "2", header, partial=True, door="dimse")
    register = scene.tell(A, "2", JEAN)
    assert register.identity_id == first.identity_id
