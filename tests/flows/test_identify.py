"""Who is it? One sentence a case, on both databases where the database has a say."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from mpi.errors import RecordedConflict
from mpi.flows import reviews
from mpi.store.tables import (
    assertion,
    blocking_key,
    decision,
    identity,
    ledger_body,
    link_count,
    nir_count,
    outbox,
    record_version,
    review,
    source_record,
    study,
)
from tests.flows.scene import ANNE, JEAN, A, B, C, Scene, counting_ids, make_matcher, person

TWIN = person(given_names=("CLAIRE",))


def test_a_person_never_seen_before_is_a_new_identity_with_a_certain_answer(scene: Scene) -> None:
    answer = scene.tell(A, "1", ANNE)
    assert (answer.outcome, answer.provisional, answer.review_id) == ("new", False, None)
    assert answer.match_weight is None, "nobody was there to compare with"
    assert answer.a_id is not None
    assert scene.rows(identity)[0]["identity_id"] == answer.identity_id
    assert scene.rows(source_record)[0]["e_id"] == answer.identity_id
    assert scene.rows(blocking_key), "the next one must find it"


def test_the_same_person_at_another_hospital_is_linked_and_mints_nothing(scene: Scene) -> None:
    first = scene.tell(A, "1", ANNE)
    second = scene.tell(B, "b1", ANNE)
    assert (second.outcome, second.identity_id) == ("linked", first.identity_id)
    assert second.match_weight == pytest.approx(sum(one["weight"] for one in second.evidence))
    assert second.evidence[0]["comparison"] == "prior"
    assert len(scene.rows(identity)) == 1
    link = scene.rows(assertion)[0]
    assert (link["kind"], link["manual"], link["actor"]) == ("link", False, "model:hand-made-1")
    assert scene.rows(link_count) == [{"authority": B, "day": "2026-11-24", "count": 1}]
    told = [row["payload"] for row in scene.rows(outbox)]
    assert [(row["change"], row["survivor"]) for row in told] == [("linked", first.identity_id)]


def test_a_known_and_unchanged_record_costs_one_read_and_no_write(scene: Scene) -> None:
    first = scene.tell(A, "1", ANNE, study="1.2.3")
    before = scene.counts()
    statements: list[str] = []
    event.listen(scene.db.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    again = scene.tell(A, "1", ANNE, study="1.2.3")
    assert [s for s in statements if s.startswith("SELECT")] == [
        s for s in statements if "source_record" in s
    ]
    assert len([s for s in statements if s.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE")]) == 1
    assert scene.counts() == before
    assert (again.outcome, again.identity_id, again.decision_id) == (
        "known",
        first.identity_id,
        first.decision_id,
    )
    assert again.a_id == first.a_id


def test_the_one_read_uses_an_index_in_every_table(lite: Scene) -> None:
    lite.tell(A, "1", ANNE)
    asked: list[tuple[str, object]] = []
    event.listen(lite.db.engine, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
    lite.tell(A, "1", ANNE)
    (statement, values), *_ = [one for one in asked if one[0].startswith("SELECT")]
    with lite.db.engine.connect() as connection:
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert plan
    assert not [step for step in plan if step.startswith("SCAN") and "CONSTANT" not in step], plan


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (person(given_names=("anne", "marie")), "lower case is a way of writing"),
        (person(birth_name="LEFÈVRE"), "so is an accent"),
        (person(birth_date="19580228"), "and a date without hyphens"),
    ],
)
def test_other_spelling_of_the_same_content_is_known_and_writes_nothing(lite: Scene, told, why) -> None:
    lite.tell(A, "1", ANNE)
    before = lite.counts()
    assert lite.tell(A, "1", told).outcome == "known", why
    assert lite.counts() == before


def test_a_changed_record_keeps_its_identity_and_its_past_values_are_still_found(scene: Scene) -> None:
    first = scene.tell(A, "1", ANNE)
    changed = scene.tell(A, "1", person(family_name="DURAND", address="3 RUE HAUTE", city="BREST"))
    assert (changed.outcome, changed.identity_id) == ("known", first.identity_id)
    assert [row["version"] for row in scene.rows(record_version)] == [1, 2]
    assert changed.decision_id != first.decision_id
    later = scene.tell(B, "b1", ANNE)
    assert (later.outcome, later.identity_id) == ("linked", first.identity_id), "MARTIN is a past value"
    assert scene.last_decision()["candidates"]["considered"][0]["past"] is True


def test_a_record_that_became_another_person_keeps_its_link_and_is_disputed(scene: Scene) -> None:
    first = scene.tell(A, "1", ANNE)
    scene.tell(B, "b1", ANNE)
    jean = scene.tell(C, "c1", JEAN)
    overlay = scene.tell(A, "1", JEAN)
    assert (overlay.outcome, overlay.identity_id, overlay.provisional) == ("review", first.identity_id, True)
    (question,) = scene.open_reviews()
    assert (question["kind"], question["review_id"]) == (reviews.OVERLAY, overlay.review_id)
    assert [row["disputed"] for row in scene.rows(record_version, record_version.c.version == 2)] == [True]
    assert scene.partition() == {frozenset({"1", "b1"}), frozenset({"c1"})}
    other_jean = scene.tell(B, "b2", JEAN)
    assert other_jean.identity_id == jean.identity_id
    assert other_jean.margin is None, "the disputed version is not compared"
    assert scene.tell(A, "1", JEAN).provisional is True


def test_an_overlay_closes_by_itself_when_the_sender_takes_it_back(scene: Scene) -> None:
    scene.tell(A, "1", ANNE)
    scene.tell(A, "1", JEAN)
    back = scene.tell(A, "1", person(city="BREST"))
    assert (back.outcome, back.provisional) == ("known", False)
    assert scene.open_reviews() == []
    assert scene.rows(review)[0]["closed_reason"] == "evidence-vanished"


@pytest.mark.parametrize(("authority_name", "kind"), [(A, reviews.DUPLICATE), (B, reviews.OVERLAP)])
def test_a_likely_but_uncertain_person_gets_an_identity_of_its_own_and_a_review(
    lite: Scene, authority_name: str, kind: int
) -> None:
    first = lite.tell(A, "1", ANNE)
    unsure = lite.tell(authority_name, "2", person(birth_place=None, family_name=None, sex=None))
    assert (unsure.outcome, unsure.provisional) == ("review", True)
    assert unsure.identity_id != first.identity_id
    (question,) = lite.open_reviews()
    assert (question["kind"], question["group_key"]) == (kind, first.identity_id)
    assert question["identities"] == [unsure.identity_id, first.identity_id]
    assert lite.tell(authority_name, "2", person(birth_place=None, family_name=None, sex=None)).provisional


def test_twins_are_never_linked_by_themselves(scene: Scene) -> None:
    one = scene.tell(A, "1", ANNE | {"address": "3 RUE HAUTE", "phone": ("0298000000",)})
    other = scene.tell(A, "2", TWIN | {"address": "3 RUE HAUTE", "phone": ("0298000000",)})
    assert other.identity_id != one.identity_id
    assert other.outcome in ("new", "review")
    assert scene.rows(assertion) == []


def test_a_record_that_fits_two_identities_joins_neither_and_one_review_shows_both(scene: Scene) -> None:
    one = scene.tell(A, "1", ANNE)
    scene.tell(B, "2", person(birth_place="29019", sex=None))
    scene.assert_by_clerk("not_same", "1", "2")
    two = scene.rows(source_record, source_record.c.local_id == "2")[0]["e_id"]
    between = scene.tell(C, "c", person(birth_place=None, sex=None))
    assert (between.outcome, between.provisional) == ("review", True)
    assert between.identity_id not in (one.identity_id, two)
    question = next(row for row in scene.open_reviews() if row["review_id"] == between.review_id)
    assert question["kind"] == reviews.CONTESTED
    assert set(question["identities"]) == {between.identity_id, one.identity_id, two}
    assert scene.rows(assertion, assertion.c.kind == "link") == []


def test_a_clerks_not_same_is_obeyed_however_alike_the_two_become(scene: Scene) -> None:
    scene.tell(A, "1", ANNE)
    scene.tell(B, "2", person(birth_name="LEFEBURE", family_name=None, birth_date="1958-03-28"))
    scene.assert_by_clerk("not_same", "1", "2")
    alike = scene.tell(B, "2", ANNE)
    assert scene.partition() == {frozenset({"1"}), frozenset({"2"})}
    assert alike.outcome == "review"
    question = next(row for row in scene.open_reviews() if row["review_id"] == alike.review_id)
    assert (question["kind"], "not-same-again" in question["reason"]) == (reviews.CHANGED, True)


def test_a_retracted_link_bars_the_machine_and_a_review_asks_instead(scene: Scene) -> None:
    scene.tell(A, "1", ANNE)
    scene.tell(B, "2", ANNE)
    link = scene.rows(assertion)[0]["assertion_id"]
    scene.assert_by_clerk("retract", retracts=link)
    assert scene.partition() == {frozenset({"1"}), frozenset({"2"})}
    again = scene.tell(B, "2", ANNE | {"city": "BREST"})
    assert scene.partition() == {frozenset({"1"}), frozenset({"2"})}
    assert (again.outcome, again.provisional) == ("review", True)
    assert "retracted-link" in scene.last_decision()["reasons"]
    third = scene.tell(C, "3", ANNE)
    assert third.outcome == "review", "it fits both sides of the cut and joins neither"


def test_a_corrected_record_joins_two_identities_and_the_older_id_survives(scene: Scene) -> None:
    anne = scene.tell(A, "1", ANNE, study="1.2.1")
    wrong = person(birth_name="LEFEURE", family_name=None, given_names=("AMNE",), birth_date="1958-03-28")
    typed = scene.tell(B, "2", wrong, study="1.2.2")
    assert typed.identity_id != anne.identity_id
    corrected = scene.tell(B, "2", ANNE)
    assert (corrected.outcome, corrected.identity_id, corrected.provisional) == (
        "linked",
        anne.identity_id,
        False,
    )
    payload = scene.rows(outbox, outbox.c.topic == "identity.changed")[0]["payload"]
    assert (payload["change"], payload["survivor"]) == ("merged", anne.identity_id)
    assert payload["retired"] == [typed.identity_id]
    assert payload["studies"] == ["1.2.1", "1.2.2"], "every study may need its tags rewritten"
    assert scene.open_reviews() == []


def test_a_strict_trait_that_changes_on_a_linked_record_is_asked_about_and_keeps_the_link(
    scene: Scene,
) -> None:
    scene.tell(A, "1", ANNE)
    scene.tell(B, "2", ANNE)
    changed = scene.tell(B, "2", person(birth_date="1958-02-27"))
    (question,) = scene.open_reviews()
    assert (changed.outcome, question["kind"]) == ("review", reviews.CHANGED)
    assert scene.partition() == {frozenset({"1", "2"})}
    restored = scene.tell(B, "2", ANNE)
    assert (restored.outcome, restored.provisional) == ("known", False)
    assert scene.open_reviews() == []


def test_an_unidentified_patient_is_never_linked_and_never_met(scene: Scene) -> None:
    scene.tell(A, "1", ANNE)
    unknown = scene.tell(A, "study:1.2.9", ANNE, study="1.2.9", unidentified=True)
    assert (unknown.outcome, unknown.provisional) == ("review", True)
    assert [row["kind"] for row in scene.open_reviews()] == [reviews.UNIDENTIFIED]
    later = scene.tell(B, "2", ANNE)
    assert later.outcome == "linked"
    assert later.margin is None, "the unidentified one was not met"
    again = scene.tell(A, "study:1.2.9", JEAN, study="1.2.9", unidentified=True)
    assert (again.outcome, again.identity_id, again.provisional) == ("known", unknown.identity_id, True)


@pytest.mark.parametrize(
    ("statuses", "sends", "outcome", "why"),
    [
        ((None, None), (A, B), "review", "an untold status counts as PROV where statuses are sent"),
        (("VALI", "QUAL"), (A, B), "linked", "both were checked"),
        (("VALI", None), (A,), "linked", "B sends none: the status rule does not apply"),
    ],
)
def test_the_status_rule_applies_between_authorities_that_send_statuses(
    sqlite_db, statuses, sends, outcome, why
) -> None:
    scene = Scene.open(sqlite_db, sends_status=sends)
    scene.tell(A, "1", ANNE | {"status": statuses[0]})
    assert scene.tell(B, "2", ANNE | {"status": statuses[1]}).outcome == outcome, why


@pytest.mark.parametrize("attribute", ["FICT", "ANOM", "CACH"])
def test_who_stands_outside_linking_is_never_linked_and_has_no_a_id(lite: Scene, attribute: str) -> None:
    lite.tell(A, "1", ANNE)
    outside = lite.tell(B, "2", ANNE | {"attributes": frozenset({attribute})})
    assert (outside.outcome, outside.a_id) == ("new", None)
    assert "a-id:E_ATTR" in lite.last_decision()["reasons"]


def test_without_a_key_there_is_no_a_id_and_the_decision_says_why(sqlite_db) -> None:
    scene = Scene.open(sqlite_db, matcher=make_matcher(xsi_key=None))
    assert scene.tell(A, "1", ANNE).a_id is None
    assert "a-id:no-key" in scene.last_decision()["reasons"]


def test_a_decision_keeps_all_that_led_to_it_and_the_ledger_commits_to_it(lite: Scene) -> None:
    lite.tell(A, "1", ANNE)
    lite.tell(A, "2", TWIN)
    answer = lite.tell(B, "3", ANNE)
    kept = lite.last_decision()
    assert kept["decision_id"] == answer.decision_id
    assert kept["match_weight"] == answer.match_weight
    assert [one["comparison"] for one in kept["evidence"]["levels"]] == [
        one["comparison"] for one in answer.evidence
    ]
    assert kept["evidence"]["thresholds"]["link_at"] == 16_600
    assert kept["evidence"]["versions"]["model"] == "hand-made-1"
    assert kept["evidence"]["versions"]["code"]
    not_chosen = kept["candidates"]["considered"][1]
    assert not_chosen["match_weight"] == pytest.approx(sum(weight for *_, weight in not_chosen["levels"]))
    assert "date_place" in kept["keys"]["met"]
    body = max(lite.rows(ledger_body), key=lambda row: row["position"])["body"]
    for said in (answer.decision_id, answer.identity_id, "hand-made-1", "date_place", '"link_at":16600'):
        assert said in body
    for trait in ("LEFEVRE", "MARTIN", "1958", "75056"):
        assert trait not in body, "no trait in the ledger"


def test_of_two_decisions_of_one_instant_the_last_is_always_the_same(lite: Scene) -> None:
    lite.tell(A, "1", ANNE)
    made = lite.last_decision()
    with lite.db.write() as tx:
        for again in ("zz", "aa"):
            tx.execute(decision.insert(), made | {"decision_id": again})
    assert lite.tell(A, "1", ANNE).decision_id == "zz"


def test_one_accepted_decision_is_one_ledger_entry_and_back(scene: Scene) -> None:
    scene.tell(A, "1", ANNE, study="1.2.3")
    scene.tell(B, "2", ANNE)
    scene.tell(A, "1", JEAN)
    bodies = [row["body"] for row in scene.rows(ledger_body)]
    for row in scene.rows(decision):
        assert len([body for body in bodies if row["decision_id"] in body]) == 1
    assert len(bodies) == len(scene.rows(decision))


def test_a_new_study_of_a_known_record_is_pinned_under_its_last_decision(scene: Scene) -> None:
    first = scene.tell(A, "1", ANNE)
    scene.tell(A, "1", ANNE, study="1.2.3")
    (pinned,) = scene.rows(study)
    assert pinned["decision_id"] == first.decision_id
    assert len(scene.rows(ledger_body)) == 2, "a pin is a change and has its entry"


@pytest.mark.parametrize("known_before", [False, True], ids=["new record", "known record"])
def test_a_study_that_came_with_another_record_is_a_conflict_that_a_clerk_sees(
    scene: Scene, known_before: bool
) -> None:
    scene.tell(A, "1", ANNE, study="1.2.3")
    if known_before:
        scene.tell(B, "2", JEAN)
    for _ in range(2):
        with pytest.raises(RecordedConflict) as raised:
            scene.tell(B, "2", JEAN, study="1.2.3")
    (question,) = scene.open_reviews()
    assert (question["kind"], question["study_instance_uid"]) == (reviews.STUDY, "1.2.3")
    assert raised.value.details["review_id"] == question["review_id"]
    pinned = scene.rows(source_record, source_record.c.local_id == "1")[0]["record_id"]
    assert [row["record_id"] for row in scene.rows(study)] == [pinned]
    assert not scene.tell(B, "2", JEAN).provisional, "the study is in doubt, not the person"


def test_the_same_message_twice_has_one_effect_and_one_answer(scene: Scene) -> None:
    scene.tell(B, "b", ANNE)
    first = scene.tell(A, "1", ANNE, idempotency_key="k1")
    before = scene.counts()
    assert scene.tell(A, "1", ANNE, idempotency_key="k1") == first
    assert scene.counts() == before


def test_ids_and_time_come_in_so_two_runs_write_the_same_rows(sqlite_db, tmp_path) -> None:
    def run(db) -> list[dict[str, object]]:
        scene = Scene.open(db, ids=counting_ids())
        scene.tell(A, "1", ANNE, study="1.2.3")
        scene.tell(B, "2", ANNE)
        scene.tell(A, "3", TWIN)
        return [*scene.rows(ledger_body), *scene.rows(decision), *scene.rows(nir_count)]

    other = type(sqlite_db).open(f"sqlite:///{tmp_path / 'other.db'}")
    other.upgrade()
    assert run(sqlite_db) == run(other)
    other.close()
