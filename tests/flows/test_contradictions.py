"""What stops a record that became another person, and a link that would join two: under the shipped model."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from matching.decision import policy
from matching.model import Model
from matching.normalise import normalise
from matching.records import RawRecord
from mpi.flows import contradictions, reviews
from mpi.flows.match import match
from mpi.flows.matcher import Matcher
from mpi.flows.requests import MatchRequest, StudyRef
from mpi.store.tables import decision, outbox, record_version
from mpi.store.transaction import Database
from tests.flows.scene import A, B, C, Scene

HOME = {
    "address": "12 rue des Lilas",
    "postal_code": "86000",
    "city": "Poitiers",
    "phone": ("0612345699",),
    "email": ("famille.leblanc@exemple.fr",),
    "birth_place": "86194",
}


def one_of_home(given: str, **changes: Any) -> dict[str, Any]:
    """One of the Leblancs: one address, one mobile, one mailbox, one town of birth."""
    told = {"family_name": "LEBLANC", "given_names": tuple(given.split()), "birth_date": "2010-03-15"}
    return told | HOME | {"sex": "F"} | changes


def shipped() -> Matcher:
    model = Model.load()
    return Matcher(model=model, policy=policy("service", model), population=6_000_000, xsi_key=bytes(32))


@pytest.fixture
def scene(sqlite_db: Database) -> Scene:
    return Scene.open(sqlite_db, matcher=shipped())


EMMA = one_of_home("EMMA")

# What is told, what is told next under the same local id, the code that says so.
BECAME_ANOTHER = [
    ("a twin", EMMA, one_of_home("JULIE"), "other-given-name"),
    (
        "his son of the same name",
        one_of_home("JEAN", sex="M", birth_date="1960-03-15"),
        one_of_home("JEAN", sex="M", birth_date="1992-07-21"),
        "generations",
    ),
    (
        "a child",
        one_of_home("PIERRE", sex="M", birth_date="1960-03-15"),
        one_of_home("LUCAS", sex="M", birth_date="1992-07-21"),
        "other-given-name",
    ),
    (
        "a wife",
        one_of_home("PIERRE", sex="M", birth_date="1960-03-15"),
        one_of_home("MARIE", birth_date="1962-07-21"),
        "other-given-name",
    ),
    (
        "a name without a date",
        EMMA,
        {"family_name": "LEBLANC", "given_names": ("JULIE",)},
        "other-given-name",
    ),
]


@pytest.mark.parametrize("partial", [False, True], ids=["register", "image"])
@pytest.mark.parametrize("linked", [False, True], ids=["alone", "linked"])
@pytest.mark.parametrize(
    ("before", "after", "code"), [row[1:] for row in BECAME_ANOTHER], ids=[row[0] for row in BECAME_ANOTHER]
)
def test_a_local_id_that_becomes_a_relative_is_an_overlay_whatever_the_home_says(
    scene: Scene, before: dict[str, Any], after: dict[str, Any], code: str, linked: bool, partial: bool
) -> None:
    first = scene.tell(A, "1", before)
    if linked:
        assert scene.tell(B, "9", before).outcome == "linked"
    answer = scene.tell(A, "1", after, partial=partial)
    assert (answer.outcome, answer.identity_id) == ("review", first.identity_id)
    assert [row["kind"] for row in scene.open_reviews()] == [reviews.OVERLAY]
    assert [row["disputed"] for row in scene.rows(record_version, record_version.c.version == 2)] == [True]
    assert code in scene.last_decision()["reasons"]


STAYED = [
    ("a typing error", EMMA, one_of_home("EMNA")),
    ("a given name told late", one_of_home(""), EMMA),
    ("a newborn who got her name", one_of_home("BEBE"), EMMA),
    ("a date corrected", EMMA, one_of_home("EMMA", birth_date="2010-05-13")),
    ("a move", EMMA, EMMA | {"address": "1 rue Haute", "phone": (), "postal_code": "29200"}),
    ("a marriage", EMMA, one_of_home("EMMA", family_name="GARCIA")),
]


@pytest.mark.parametrize(("before", "after"), [row[1:] for row in STAYED], ids=[row[0] for row in STAYED])
def test_a_correction_is_no_overlay(scene: Scene, before: dict[str, Any], after: dict[str, Any]) -> None:
    scene.tell(A, "1", before)
    assert scene.tell(A, "1", after).outcome == "known"
    assert scene.open_reviews() == []


FLAGGED = one_of_home("LEBLANC", flags=frozenset({"newborn"}))
NAMELESS, UNDATED = one_of_home(""), one_of_home("EMMA", birth_date=None)
BABY, GROWN = one_of_home("BEBE"), one_of_home("EMMA", birth_date="1980-03-15")

# Versions told, words, codes.
VOUCHING = [
    ("a version that agrees vouches for one that does not", [EMMA, one_of_home("JULIE")], EMMA, ()),
    ("none agrees", [EMMA, one_of_home("LOUISE")], one_of_home("JULIE"), ("other-given-name",)),
    (
        "silence on the name vouches for nothing",
        [EMMA, NAMELESS],
        one_of_home("JULIE"),
        ("other-given-name",),
    ),
    ("nor does silence on the date", [UNDATED, EMMA], GROWN, ("generations",)),
    ("nor a provisional name", [BABY, EMMA], one_of_home("JULIE"), ("other-given-name",)),
    ("nor a name that is said to be one", [FLAGGED, EMMA], one_of_home("JULIE"), ("other-given-name",)),
    ("alone it speaks for nothing either", [BABY], EMMA, ()),
    ("silence on the date says enough of a name", [UNDATED, one_of_home("JULIE", birth_date=None)], EMMA, ()),
]


@pytest.mark.parametrize(
    ("told", "words", "codes"), [row[1:] for row in VOUCHING], ids=[row[0] for row in VOUCHING]
)
def test_who_vouches_for_whom(
    told: list[dict[str, Any]], words: dict[str, Any], codes: tuple[str, ...]
) -> None:
    versions = [normalise(RawRecord(authority=A, local_id="1", **one)) for one in told]
    said = normalise(RawRecord(authority=A, local_id="1", **words))
    assert contradictions.two_people([said], versions) == codes
    assert contradictions.two_people(versions, [said]) == codes, "whoever is asked first"


GLUED = [
    (one_of_home("MARIE"), one_of_home("MARIE-CLAIRE"), one_of_home("MARIE-ANNE")),
    (
        one_of_home("MOHAMED", sex="M"),
        one_of_home("MOHAMED AMINE", sex="M"),
        one_of_home("MOHAMED ALI", sex="M"),
    ),
]


@pytest.mark.parametrize("order", list(itertools.permutations((0, 1, 2))), ids=str)
@pytest.mark.parametrize("triple", GLUED, ids=["MARIE", "MOHAMED"])
def test_a_record_in_the_middle_never_glues_twins_in_any_order(
    scene: Scene, triple: tuple[dict[str, Any], ...], order: tuple[int, ...]
) -> None:
    for place in order:
        scene.tell((A, B, C)[place], str(place), triple[place])
    assert not [part for part in scene.partition() if {"1", "2"} <= part]
    assert scene.open_reviews(), "a clerk is asked"


def test_the_evidence_of_who_speaks_against_a_link_is_kept() -> None:
    emma, julie = (
        normalise(RawRecord(authority=A, local_id="1", **one_of_home(g))) for g in ("EMMA", "JULIE")
    )
    known = [
        contradictions.Known(record_id="r", version=n, identity_id="E", record=record, past=n == 1)
        for n, record in ((1, emma), (2, julie))
    ]
    found = contradictions.of_link([[emma]], {"r": known}, shipped())
    assert found is not None, "a value since corrected vouches for nobody"
    assert (found.record_id, found.codes) == ("r", ("other-given-name",))


def test_a_question_is_answered_as_a_telling_would_be_where_a_member_speaks_against_it(scene: Scene) -> None:
    scene.tell(A, "1", one_of_home("MARIE"))
    scene.tell(B, "2", one_of_home("MARIE-CLAIRE"))
    if len(scene.partition()) > 1:
        scene.assert_by_clerk("link", "1", "2")
    raw = RawRecord(authority=C, local_id="3", **one_of_home("MARIE-ANNE"))
    with scene.db.read() as tx:
        assert match(tx, MatchRequest(actor=scene.actor, raw=raw), scene.matcher).outcome == "many"


def test_a_past_value_of_another_person_attracts_nobody(scene: Scene) -> None:
    scene.tell(A, "1", EMMA)
    scene.tell(A, "1", one_of_home("JULIE"))
    assert scene.tell(C, "3", one_of_home("JULIE")).outcome != "linked", "the disputed words are not compared"


# Change of a linked record, the reason of its question.
LOOKED_AT_AGAIN = [
    ("a fictitious identity", {"attributes": frozenset({"FICT"})}, "outside-linking"),
    ("an anonymous one", {"attributes": frozenset({"ANOM"})}, "outside-linking"),
    ("declared homonyms", {"attributes": frozenset({"HOMA"})}, "homonym-declared"),
    ("a doubtful identity", {"attributes": frozenset({"DOUT"})}, "doubtful"),
    ("another family name, of unknown kind", {"family_name": "DURAND"}, "strict-trait-changed"),
    ("another town of birth", {"birth_place": "75056"}, "strict-trait-changed"),
    ("another date", {"birth_date": "2010-03-16"}, "name-or-date-changed"),
]


@pytest.mark.parametrize(
    ("change", "reason"), [row[1:] for row in LOOKED_AT_AGAIN], ids=[row[0] for row in LOOKED_AT_AGAIN]
)
def test_a_linked_record_that_may_be_linked_no_longer_is_asked_about(
    scene: Scene, change: dict[str, Any], reason: str
) -> None:
    scene.tell(A, "1", EMMA)
    scene.tell(B, "2", EMMA)
    answer = scene.tell(B, "2", EMMA | change)
    assert answer.outcome == "review"
    assert [row["kind"] for row in scene.open_reviews()] == [reviews.CHANGED]
    assert reason in scene.last_decision()["reasons"]
    assert scene.partition() == {frozenset({"1", "2"})}, "the link stands until a clerk has looked"


def test_what_spoke_against_a_link_before_is_not_asked_again(scene: Scene) -> None:
    doubtful = EMMA | {"attributes": frozenset({"DOUT"})}
    scene.tell(A, "1", EMMA)
    scene.tell(B, "2", doubtful)
    scene.assert_by_clerk("link", "1", "2")
    asked = len(scene.open_reviews())
    assert scene.tell(B, "2", doubtful | {"address": "1 rue Haute"}).outcome == "known"
    assert len(scene.open_reviews()) <= asked


def test_what_a_member_said_once_and_takes_back_speaks_against_nobody() -> None:
    first, second, neither = (
        normalise(RawRecord(authority=A, local_id="1", **EMMA | {"multiple_birth": order}))
        for order in ("1", "2", None)
    )
    told = [
        contradictions.Known(record_id="r", version=n, identity_id="E", record=record, past=n == 1)
        for n, record in ((1, first), (2, neither))
    ]
    days: dict[str, Any] = {"encounter_on": None, "seen_on": None}
    assert contradictions.of_identity(second, neither, told, shipped(), **days) is None
    told[0] = replace(told[0], past=False)
    found = contradictions.of_identity(second, neither, told, shipped(), **days)
    assert found is not None
    assert (found.record_id, found.version, found.codes) == ("r", 1, ("birth-order",))


def test_birth_orders_that_differ_inside_an_identity_are_asked_about(scene: Scene) -> None:
    scene.tell(A, "1", EMMA | {"multiple_birth": "1"})
    scene.tell(B, "2", EMMA)
    answer = scene.tell(B, "2", EMMA | {"multiple_birth": "2"})
    assert answer.outcome == "review"
    assert "birth-order" in scene.last_decision()["reasons"]


def test_the_dead_have_no_later_examination_inside_an_identity_either(scene: Scene) -> None:
    seen = StudyRef(study_instance_uid="1.2.3", at=datetime(2026, 3, 2, 9, tzinfo=UTC))
    scene.send(replace(scene.request(A, "1", EMMA), study=seen))
    scene.tell(B, "2", EMMA)
    answer = scene.tell(B, "2", EMMA | {"death_date": "2020-01-05"})
    assert answer.outcome == "review"
    assert "dead-before" in scene.last_decision()["reasons"]


def test_a_vetoed_candidate_is_kept_with_its_code_and_levels(scene: Scene) -> None:
    first = scene.tell(A, "1", EMMA | {"multiple_birth": "1"})
    scene.tell(B, "2", EMMA | {"multiple_birth": "2"})
    (vetoed,) = scene.last_decision()["candidates"]["vetoed"]
    assert (vetoed["identity_id"], vetoed["code"]) == (first.identity_id, "birth-order")
    assert vetoed["match_weight"] == pytest.approx(sum(weight for *_, weight in vetoed["levels"]))


def test_an_overlay_and_a_glued_link_are_kept_with_the_version_compared_and_its_levels(scene: Scene) -> None:
    scene.tell(A, "1", EMMA)
    scene.tell(A, "1", one_of_home("JULIE"))
    overlay = scene.last_decision()["evidence"]["overlay"]
    assert (overlay["version"], overlay["codes"]) == (1, ["other-given-name"])
    assert "given_names" in {name for name, *_ in overlay["levels"]}
    (question,) = scene.open_reviews()
    assert question["match_weight"] == overlay["support"]
    assert overlay["support"] == pytest.approx(sum(weight for *_, weight in overlay["levels"][1:]))


ASKERS = {
    "1": {"phone": ("0698765432",), "address": "3 rue Haute", "postal_code": "86000"},
    "2": {"email": ("x1@exemple.fr",)},
    "3": {"phone": ("0698765432",), "address": "3 rue Haute", "email": ("y1@exemple.fr",)},
}


def test_a_new_record_that_joins_an_identity_wakes_those_who_ask_about_it(scene: Scene) -> None:
    jean = {"family_name": "MARTIN", "birth_date": "1980-03-15", "sex": "M", "birth_place": "86194"}
    scene.tell(A, "1", jean | {"given_names": ("JEAN", "YVES", "LUC")} | ASKERS["1"])
    asks = scene.tell(
        B, "2", jean | {"given_names": ("JEAN",), "sex": None, "birth_place": None} | ASKERS["2"]
    )
    assert asks.outcome == "review"
    joins = scene.tell(C, "3", jean | {"given_names": ("JEAN", "YVES", "LUC")} | ASKERS["3"])
    assert joins.outcome == "linked"
    asker = scene.rows(decision, decision.c.decision_id == asks.decision_id)[0]["record_id"]
    woken = [row["payload"]["record_id"] for row in scene.rows(outbox, outbox.c.topic == "identify.rescore")]
    assert woken == [asker]
