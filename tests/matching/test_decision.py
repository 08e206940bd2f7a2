"""The decision: three outcomes, a margin, and every row of the table of vetoes and bars."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.checks import CHECKS, Effect
from matching.decision import POLICIES, Candidate, Decision, Outcome, decide, policy
from matching.model import Model, Score
from matching.normalise import normalise
from matching.records import Identifier, RawRecord

SERVICE = POLICIES["service"]
CERTAIN, DOUBTFUL, NOTHING = 30.0, 5.0, -20.0  # bits: far above link_at, between the thresholds, far below
ANNE = RawRecord(
    authority="HOPITAL-A",
    local_id="1",
    birth_name="LEFEVRE",
    family_name="MARTIN",
    given_names=("ANNE", "MARIE"),
    sex="F",
    birth_date="1958-02-28",
    birth_place="69385",
    address="12 RUE DES LILAS",
    postal_code="69005",
    city="LYON",
)


def candidate(
    raw: RawRecord = ANNE,
    *,
    identity: str = "E1",
    record: str = "r1",
    weight: float = CERTAIN,
    sends_status: bool = False,
    **standing: bool,
) -> Candidate:
    return Candidate(
        identity_id=identity,
        record_id=record,
        record=normalise(replace(raw, authority="HOPITAL-B"), sends_status=sends_status),
        score=Score(weight, ()),
        **standing,
    )


def decided(
    *candidates: Candidate, raw: RawRecord = ANNE, sends_status: bool = False, **more: Any
) -> Decision:
    return decide(normalise(raw, sends_status=sends_status), candidates, SERVICE, **more)


# ---------------------------------------------------------------- thresholds and margin

OUTCOMES = [
    ("nobody", [], Outcome.NEW, "no-candidate"),
    ("hardly alike", [("E1", NOTHING)], Outcome.NEW, "below-review"),
    ("just below review_at", [("E1", -4.201)], Outcome.NEW, "below-review"),
    ("review_at", [("E1", -4.2)], Outcome.REVIEW, "below-link"),
    ("alike", [("E1", DOUBTFUL)], Outcome.REVIEW, "below-link"),
    ("just below link_at", [("E1", 16.599)], Outcome.REVIEW, "below-link"),
    ("link_at", [("E1", 16.6)], Outcome.LINK, "certain"),
    ("certain", [("E1", CERTAIN)], Outcome.LINK, "certain"),
    ("two certain", [("E1", CERTAIN), ("E2", CERTAIN - 1)], Outcome.REVIEW, "within-margin"),
    ("equal", [("E1", CERTAIN), ("E2", CERTAIN)], Outcome.REVIEW, "within-margin"),
    ("just within the margin", [("E1", CERTAIN), ("E2", 17.001)], Outcome.REVIEW, "within-margin"),
    ("the margin", [("E1", CERTAIN), ("E2", 17.0)], Outcome.LINK, "certain"),
    ("several records of one identity", [("E1", CERTAIN), ("E1", CERTAIN - 1)], Outcome.LINK, "certain"),
    ("the runner-up is the second identity", [("E1", 30.0), ("E1", 29.0), ("E2", 28.0)], Outcome.REVIEW,
     "within-margin"),
]  # fmt: skip


@pytest.mark.parametrize(("why", "found", "outcome", "reason"), OUTCOMES, ids=[row[0] for row in OUTCOMES])
def test_threshold_and_margin(
    why: str, found: list[tuple[str, float]], outcome: Outcome, reason: str
) -> None:
    decision = decided(*[candidate(identity=i, record=f"r{n}", weight=w) for n, (i, w) in enumerate(found)])
    assert (decision.outcome, decision.reasons) == (outcome, (reason,))


def test_best_and_runner_up_are_of_two_identities() -> None:
    decision = decided(
        candidate(identity="E1", record="a", weight=30.0),
        candidate(identity="E1", record="b", weight=29.0),
        candidate(identity="E2", record="c", weight=10.0),
        candidate(identity="E3", record="d", weight=12.25),
    )
    assert [one.record_id for one in decision.considered] == ["a", "d", "c"]
    assert decision.best is decision.considered[0]
    assert decision.runner_up is decision.considered[1]
    assert decision.margin == 17.75


def test_without_candidates_there_is_no_best() -> None:
    decision = decided()
    assert (decision.best, decision.runner_up, decision.margin) == (None, None, None)


@given(order=st.permutations(range(5)))
def test_the_order_of_the_candidates_does_not_matter(order: list[int]) -> None:
    found = [
        candidate(identity=f"E{n % 3}", record=f"r{n}", weight=[25.0, 12.0, 12.0, 25.0, 3.0][n])
        for n in range(5)
    ]
    assert decided(*[found[n] for n in order]) == decided(*found)


# ---------------------------------------------------------------- vetoes and bars

TWIN = replace(ANNE, given_names=("CLAIRE",))
QUAL = {"status": "QUAL"}
BY_IDENTIFIER = (Identifier(value="1", issuer="HOPITAL-A"),)  # the file number of ANNE
# reason code, what the record changes, what the candidate changes, what else is known.
STOPPED: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("not-same", {}, {}, {"not_same": True}),
    ("outside-linking", {"attributes": frozenset({"FICT"})}, {}, {}),
    ("outside-linking", {}, {"attributes": frozenset({"FICT"})}, {}),
    ("outside-linking", {}, {"attributes": frozenset({"CACH"})}, {}),
    ("outside-linking", {"attributes": frozenset({"ANOM"})}, {}, {}),
    ("birth-order", {"multiple_birth": "1"}, {"multiple_birth": "2"}, {}),
    ("qualified-differ", QUAL, QUAL | {"birth_name": "LEFEBVRE"}, {}),
    ("qualified-differ", QUAL, QUAL | {"given_names": ("MARIE", "ANNE")}, {}),
    ("qualified-differ", QUAL, QUAL | {"birth_date": "1958-02-27"}, {}),
    ("dead-before", {}, {"death_date": "2026-01-31"}, {"encounter_on": date(2026, 2, 1)}),
    ("dead-before", {}, {"death_date": "2025"}, {"encounter_on": date(2026, 2, 1)}),
    ("retracted-link", {}, {}, {"barred": True}),
    ("homonym-declared", {"attributes": frozenset({"HOMA"})}, {}, {}),
    ("homonym-declared", {}, {"attributes": frozenset({"HOMA"})}, {}),
    ("doubtful", {"attributes": frozenset({"DOUT"})}, {}, {}),
    ("doubtful", {}, {"attributes": frozenset({"DOUTE"})}, {}),
    ("protected", {"flags": frozenset({"protected"})}, {}, {}),
    ("newborn", {"given_names": ("BEBE",), "address": None}, {"given_names": ("BEBE",)}, {}),
    ("newborn", {"flags": frozenset({"newborn"})}, {}, {}),
    ("twins", {"given_names": ("CLAIRE",), "address": None}, {}, {}),
    ("twins", {"given_names": ("MARIE-ANNE",), "address": None}, {"given_names": ("MARIE-CLAIRE",)}, {}),
    ("twins", {"given_names": ("MARIA",), "address": None}, {"given_names": ("MARIE",)}, {}),
    ("given-name-missing", {"given_names": (), "address": None}, {}, {}),
    ("twins", {"given_names": ("CLAIRE",), "birth_date": "1958-02-27", "address": None}, {}, {}),
    ("twins", {"birth_name": None, "family_name": "ROUX", "given_names": ("CLAIRE",), "address": None},
     {}, {}),
    ("given-name-missing", {"given_names": (), "birth_date": None}, {}, {}),
    ("twins", {"given_names": ("LEA",), "birth_date": "1958-02", "address": None}, {}, {}),
    ("household", {"given_names": ("CLAIRE",), "birth_date": "1960-07-14"}, {}, {}),
    ("household", {"given_names": ("LUC",), "birth_date": None, "address": None, "phone": ("0478123456",)},
     {"phone": ("0478123456",)}, {}),
    ("twins", {"birth_name": None, "family_name": None, "given_names": ("CLAIRE",)}, {}, {}),
    ("twins", {"birth_name": "ANNE", "family_name": None, "given_names": ("LEFEVRE",), "multiple_birth": "2"},
     {"family_name": None, "given_names": ("ANNE",)}, {}),
    ("twins", {"given_names": ("PIERRE", "LOUIS")},
     {"given_names": ("LOUIS", "PIERRE"), "used_given_name": "LOUIS"}, {}),
    ("household", {"birth_name": None, "family_name": None, "given_names": ("CLAIRE",)}, {}, {}),
    ("given-name-initial", {"given_names": ("A",)}, {"given_names": ("A",)}, {}),
    ("given-name-initial", {"given_names": ("A",)}, {}, {}),
    ("given-name-compound", {"given_names": ("JEAN",)}, {"given_names": ("JEAN-CHRISTOPHE",)}, {}),
    ("given-name-compound", {"birth_name": "ANNE", "family_name": None, "given_names": ("LEFEVRE",)},
     {"family_name": None, "given_names": ("ANNE",)}, {}),
    ("given-name-spelling", {"given_names": ("CATHERIEN",)}, {"given_names": ("CATHERINE",)}, {}),
    ("given-name-spelling", {"given_names": ("MATHILDE",)}, {"given_names": ("MATILDE",)}, {}),
    ("given-name-spelling", {"given_names": ("MAMADOU",)}, {"given_names": ("MAMADI",)}, {}),
    ("given-name-spelling", {"given_names": ("ИВАН",)}, {"given_names": ("IVAN",)}, {}),
    ("family-name-missing", {"birth_name": None, "family_name": None}, {}, {}),
    ("generations", {"birth_name": "ANNE", "family_name": None, "given_names": ("LEFEVRE",),
     "birth_date": "1983-02-28"}, {"family_name": None, "given_names": ("ANNE",)}, {}),
    ("inexact-date", {"birth_date": "1958-02-27"}, {}, {}),
    ("inexact-date", {"birth_date": "1968-02-28", "phone": ("0639981427",)}, {"phone": ("0639981427",)}, {}),
    ("inexact-date", {"birth_date": "1961-07-02", "address": None, "phone": ("0639981427",)},
     {"phone": ("0639981427",)}, {}),
    ("first-of-month", {"birth_date": "1958-03-01", "birth_place": "99330"},
     {"birth_date": "1958-03-01", "birth_place": "99330"}, {}),
    ("first-of-month", {"birth_date": "1958-03-01", "birth_place": None}, {"birth_date": "1958-03-01"}, {}),
    ("other-sex", {"sex": "M"}, {}, {}),
    ("generations", {"birth_date": "1930-11-03"}, {}, {}),
    ("generations", {"birth_date": "1986-02-28"}, {}, {}),
    ("generations", {"birth_date": "1944-02-27"}, {}, {}),
    ("birth-date-missing", {"birth_date": None}, {}, {}),
    ("birth-date-missing", {}, {"birth_date": "unknown"}, {}),
    ("homonyms", {"birth_place": "33063", "address": None}, {}, {}),
    ("homonyms", {"birth_place": "69264", "address": None}, {}, {}),
    ("qualified-doubtful", QUAL, QUAL | {"given_names": ("ANNE", "SOPHIE")}, {}),
    ("qualified-doubtful", QUAL, QUAL | {"sex": "M"}, {}),
    ("qualified-doubtful", QUAL, QUAL | {"birth_place": "33063"}, {}),
    ("weak-date", {"birth_date": "1958-01-01"}, {"birth_date": "1958-01-01"}, {}),
    ("weak-date", {"birth_date": "1958-12-31"}, {"birth_date": "1958-02-28"}, {}),
    ("weak-date", {"flags": frozenset({"date_estimated"})}, {}, {}),
    ("status", {"status": "PROV"}, {"status": "VALI"}, {}),
    ("status", {"status": "VALI"}, {"status": None}, {}),
    ("status", {"status": "RECUP"}, {"status": "QUAL"}, {}),
]  # fmt: skip


def stopped(row: tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]) -> Decision:
    code, told, known, more = row
    standing = {name: value for name, value in more.items() if name in ("not_same", "barred")}
    sends = code in ("status", "qualified-differ", "qualified-doubtful")
    return decided(
        candidate(replace(ANNE, **known), sends_status=sends, **standing),
        raw=replace(ANNE, **told),
        sends_status=sends,
        encounter_on=more.get("encounter_on"),
    )


@pytest.mark.parametrize("row", STOPPED, ids=[f"{n}-{row[0]}" for n, row in enumerate(STOPPED)])
def test_a_certain_weight_is_stopped(row: tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]) -> None:
    decision = stopped(row)
    veto = any(check.code == row[0] and check.effect is Effect.VETO for check in CHECKS)
    assert row[0] in decision.reasons
    assert decision.outcome is (Outcome.NEW if veto else Outcome.REVIEW)
    assert [code for _, code in decision.vetoed] == ([row[0]] if veto else [])
    assert bool(decision.best) is not veto


def test_every_row_of_the_table_is_tried() -> None:
    assert {row[0] for row in STOPPED} == {check.code for check in CHECKS}
    assert len({check.code for check in CHECKS}) == len(CHECKS)


# What looks like one of the rules and is not: the link stands.
LINKED: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("the same birth order", {"multiple_birth": "1"}, {"multiple_birth": "1"}, {}),
    ("a multiple birth told once", {"multiple_birth": "1"}, {}, {}),
    ("alive on the day", {}, {"death_date": "2026-02-01"}, {"encounter_on": date(2026, 2, 1)}),
    ("a day of death not told", {}, {"death_date": "2026-02"}, {"encounter_on": date(2026, 2, 27)}),
    ("no encounter told", {}, {"death_date": "2020-02-01"}, {}),
    ("one list goes further", {}, {"given_names": ("ANNE", "MARIE", "LUCE")}, {}),
    ("first name alone", {}, {"given_names": ("ANNE",)}, {}),
    ("a slip in the second name", {}, {"given_names": ("ANNE", "MRAIE")}, {}),
    ("a typing error, the same number", {"given_names": ("CATHERIEN",), "identifiers": BY_IDENTIFIER},
     {"given_names": ("CATHERINE",), "identifiers": BY_IDENTIFIER}, {}),
    ("half of a compound, another home", {"given_names": ("JEAN",), "address": None},
     {"given_names": ("JEAN", "CHRISTOPHE")}, {}),
    ("the first of a month, born in France", {"birth_date": "1958-03-01"}, {"birth_date": "1958-03-01"}, {}),
    ("a given name in use", {"used_given_name": "MARIE", "given_names": ()}, {}, {}),
    ("born in one city", {"birth_place": "69123"}, {}, {}),
    ("another birthplace, the same home", {"birth_place": "33063"}, {}, {}),
    ("another birthplace, the same mobile", {"birth_place": "33063", "address": None,
     "phone": ("0639981427",)}, {"phone": ("0639981427",)}, {}),
    ("another birthplace, the same number", {"birth_place": "33063", "address": None,
     "identifiers": BY_IDENTIFIER}, {"identifiers": BY_IDENTIFIER}, {}),
    ("no given name told, the same number", {"given_names": (), "birth_date": None, "address": None,
     "identifiers": BY_IDENTIFIER}, {"identifiers": BY_IDENTIFIER}, {}),
    ("exchanged names", {"birth_name": "ANNE", "family_name": None, "given_names": ("LEFEVRE",)},
     {"family_name": None, "given_names": ("ANNE",), "address": None}, {}),
    ("ten years wrong, the same mobile", {"birth_date": "1968-02-28", "address": None,
     "phone": ("0639981427",)}, {"phone": ("0639981427",)}, {}),
    ("both checked", {"status": "VALI"}, {"status": "QUAL"}, {"sends": True}),
    ("both qualified, one list", {"status": "QUAL"}, {"status": "QUAL", "given_names": ("ANNE",)},
     {"sends": True}),
    ("both qualified, a birth name not told", {"status": "QUAL", "birth_name": None}, {"status": "QUAL"},
     {"sends": True}),
    ("provisional, the same number", {"status": "PROV", "identifiers": BY_IDENTIFIER},
     {"status": "PROV", "identifiers": BY_IDENTIFIER}, {"sends": True}),
    ("provisional, the same mobile", {"status": "PROV", "phone": ("0639981427",)},
     {"status": "VALI", "phone": ("+33 6 39 98 14 27",)}, {"sends": True}),
    ("provisional, the same mailbox", {"status": "PROV", "email": ("anne@exemple.fr",)},
     {"status": "VALI", "email": ("anne@exemple.fr",)}, {"sends": True}),
]  # fmt: skip


@pytest.mark.parametrize("row", LINKED, ids=[row[0] for row in LINKED])
def test_what_only_looks_like_a_rule_is_linked(
    row: tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]],
) -> None:
    _, told, known, more = row
    sends = more.get("sends", False)
    decision = decided(
        candidate(replace(ANNE, **known), sends_status=sends),
        raw=replace(ANNE, **told),
        sends_status=sends,
        encounter_on=more.get("encounter_on"),
    )
    assert (decision.outcome, decision.reasons) == (Outcome.LINK, ("certain",))


def test_a_household_landline_does_not_corroborate_a_provisional_identity() -> None:
    told = replace(ANNE, status="PROV", phone=("0478123456",))
    decision = decided(candidate(told, sends_status=True), raw=told, sends_status=True)
    assert decision.reasons == ("status",)


def test_a_veto_on_one_record_stops_its_whole_identity() -> None:
    """Joining the identity would put the record beside the one that a person separated from it."""
    decision = decided(
        candidate(identity="E1", record="a", weight=30.0),
        candidate(identity="E1", record="b", weight=-8.0, not_same=True),
    )
    assert decision.outcome is Outcome.NEW
    assert decision.considered == ()
    assert decision.reasons == ("no-candidate", "not-same")


def test_a_vetoed_identity_is_no_runner_up() -> None:
    decision = decided(
        candidate(identity="E1", record="a"), candidate(identity="E2", record="b", not_same=True)
    )
    assert decision.outcome is Outcome.LINK
    assert decision.margin is None


def test_a_veto_far_below_the_thresholds_is_no_reason() -> None:
    decision = decided(
        candidate(identity="E1", record="a"),
        candidate(identity="E2", record="b", weight=NOTHING, not_same=True),
    )
    assert decision.reasons == ("certain",)
    assert [code for _, code in decision.vetoed] == ["not-same"]


def test_a_bar_on_the_identity_counts_wherever_it_stands() -> None:
    decision = decided(
        candidate(identity="E1", record="a"),
        candidate(identity="E1", record="b", weight=1.0, barred=True),
    )
    assert (decision.outcome, decision.reasons) == (Outcome.REVIEW, ("retracted-link",))


def test_a_bar_on_the_pair_counts_for_the_best_one_only() -> None:
    """The identity has an old record with a provisional name; the record is like the named one."""
    decision = decided(
        candidate(identity="E1", record="a"),
        candidate(replace(ANNE, flags=frozenset({"newborn"})), identity="E1", record="b", weight=20.0),
    )
    assert decision.outcome is Outcome.LINK


TWO_OF_ONE_HOME = [
    ("twins", replace(ANNE, given_names=("MARIE-CLAIRE",)), replace(ANNE, given_names=("MARIE-ANNE",))),
    ("household", replace(ANNE, given_names=("LUC",), birth_date=None), replace(ANNE, given_names=("LEA",))),
    ("generations", ANNE, replace(ANNE, birth_date="1985-02-28")),
    ("homonyms", replace(ANNE, address=None), replace(ANNE, birth_place="33063")),
]


@pytest.mark.parametrize(("code", "told", "other"), TWO_OF_ONE_HOME, ids=[row[0] for row in TWO_OF_ONE_HOME])
def test_a_record_in_the_middle_glues_no_two_people(code: str, told: RawRecord, other: RawRecord) -> None:
    """The identity has a record like this one, and another that is somebody else's."""
    found = [candidate(told, record="a"), candidate(other, record="b", weight=1.0)]
    decision = decided(*found, raw=told)
    assert decision.outcome is Outcome.REVIEW
    assert code in decision.reasons


def test_a_withdrawn_value_does_not_outvote_the_one_of_today() -> None:
    """The source record was told as CLAIRE and then corrected to ANNE: CLAIRE is not that person."""
    decision = decided(candidate(TWIN, record="a", past=True), candidate(record="a", weight=5.0), raw=TWIN)
    assert (decision.outcome, decision.reasons) == (Outcome.REVIEW, ("twins", "household"))


def test_a_withdrawn_value_stops_nobody() -> None:
    decision = decided(candidate(record="a"), candidate(TWIN, record="a", weight=5.0, past=True))
    assert decision.outcome is Outcome.LINK


def test_a_past_value_of_a_qualified_identity_is_no_second_identity() -> None:
    before = replace(ANNE, status="QUAL", birth_name="LEFEBVRE")
    now = replace(ANNE, status="QUAL")
    assert decided(candidate(before, sends_status=True), raw=now, sends_status=True).outcome is Outcome.NEW
    past = candidate(before, sends_status=True, past=True)
    assert decided(past, raw=now, sends_status=True).outcome is Outcome.LINK


def test_all_reasons_are_told() -> None:
    told = replace(TWIN, birth_date="1958-01-01")
    known = replace(ANNE, birth_date="1958-01-01", attributes=frozenset({"HOMA"}))
    decision = decided(
        candidate(known, identity="E1", weight=DOUBTFUL), candidate(identity="E2", record="r2"), raw=told
    )
    assert decision.reasons == ("twins", "household", "weak-date")
    decision = decided(candidate(known, weight=DOUBTFUL), raw=told)
    assert decision.reasons == ("below-link", "homonym-declared", "twins", "household", "weak-date")


# ---------------------------------------------------------------- policies


def test_balanced_leaves_weak_and_missing_traits_to_the_weight_and_nothing_else() -> None:
    balanced = policy("balanced", Model.load())
    weak: tuple[dict[str, Any], ...] = (
        {"birth_date": "1958-01-01"},
        {"given_names": ()},
        {"birth_date": None},
    )
    for told in (replace(ANNE, **change) for change in weak):
        assert decide(normalise(told), [candidate(told)], balanced).outcome is Outcome.LINK
    twins = decide(normalise(TWIN), [candidate()], balanced)
    assert (twins.outcome, twins.reasons) == (Outcome.REVIEW, ("twins", "household"))
