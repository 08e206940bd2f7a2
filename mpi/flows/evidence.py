"""How a decision is remembered: its row, and the ledger entry that commits to it. Plain data, written by
effects.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from matching.blocking import BlockingKey
from matching.decision import Candidate
from matching.model import Score
from mpi.flows.contradictions import Against
from mpi.flows.matcher import Matcher
from mpi.flows.verdicts import Case
from mpi.ledger.entries import millibits

if TYPE_CHECKING:
    from mpi.flows.effects import Act, Conclusion, Done

CANDIDATES_KEPT = 50  # of the identities considered, best first; the rest are counted


def levels(candidate: Candidate | None) -> list[dict[str, Any]]:
    """Each comparison's level (None = unknown on a side) and weight in bits, the prior first; [] for None."""
    if candidate is None:
        return []
    return [
        {"comparison": one.comparison, "level": one.level, "weight": one.weight}
        for one in candidate.score.evidence
    ]


def speaking_against(case: Case) -> dict[str, Against | None]:
    """What of its own history, of its own identity and of the identity to link to speaks against a record."""
    return {"overlay": case.overlay, "gained": case.gained, "contradicted": case.contradicted}


def shown(conclusion: Conclusion) -> Candidate | None:
    """The candidate whose weight stands for the decision: the one linked to, else the best; None: nobody."""
    decision = conclusion.case.decision
    return conclusion.verdict.link_to or (decision.best if decision else None)


def margin(conclusion: Conclusion) -> float | None:
    """Bits above the second identity; None without one."""
    decision = conclusion.case.decision
    return decision.margin if decision else None


def decision_row(
    act: Act, conclusion: Conclusion, done: Done, matcher: Matcher, *, at: datetime
) -> dict[str, Any]:
    """The row of the decision table, with every level and weight and the candidates that were not chosen."""
    best = shown(conclusion)
    return {
        "decision_id": done.decision_id,
        "record_id": conclusion.case.record_id,
        "version": act.version,
        "outcome": conclusion.verdict.outcome,
        "identity_id": done.identity_id,
        "match_weight": best.score.match_weight if best else None,
        "margin": margin(conclusion),
        "model": matcher.model.version,
        "policy": matcher.policy.name,
        "evidence": {
            "levels": levels(best),
            **{name: _shown_against(one) for name, one in speaking_against(conclusion.case).items()},
            "thresholds": matcher.thresholds,
            "versions": matcher.versions,
            "a_id": done.a_id,
        },
        "candidates": {
            "considered": [
                {
                    "identity_id": one.identity_id,
                    "record_id": one.record_id,
                    "match_weight": one.score.match_weight,
                    "past": one.past,
                    "not_same": one.not_same,
                    "barred": one.barred,
                    "levels": _told_levels(one.score),
                }
                for one in _considered(conclusion)[:CANDIDATES_KEPT]
            ],
            "vetoed": [
                {
                    "identity_id": one.identity_id,
                    "record_id": one.record_id,
                    "match_weight": one.score.match_weight,
                    "code": code,
                    "levels": _told_levels(one.score),
                }
                for one, code in _vetoed(conclusion)[:CANDIDATES_KEPT]
            ],
            "identities": len(_considered(conclusion)),
            "versions_scored": len(conclusion.case.candidates),
        },
        "keys": _keys(conclusion),
        "reasons": _reasons(conclusion, done),
        "encounter_on": act.encounter_on,
        "at": at,
        "actor": act.actor.actor_id,
    }


def ledger_entry(
    act: Act, conclusion: Conclusion, done: Done, matcher: Matcher, *, entry_id: str
) -> dict[str, Any]:
    """The ledger entry: ids alone, weights in thousandths of a bit, no trait."""
    case, link_to, best = conclusion.case, conclusion.verdict.link_to, shown(conclusion)
    mints = case.is_new and link_to is None
    link = link_to and {
        "assertion_id": done.assertion_id,
        "record_a": case.record_id,
        "record_b": link_to.record_id,
        "manual": False,
    }
    return {
        "entry_id": entry_id,
        "actor": {"actor_id": act.actor.actor_id, "address": act.actor.address},
        "action": act.action,
        "outcome": conclusion.verdict.outcome,
        "subjects": {
            "records": [case.record_id] + ([link_to.record_id] if link_to else []),
            "identities": [done.identity_id] + ([done.retired] if done.retired else []),
            "studies": [act.study.study_instance_uid] if act.study else [],
        },
        "before": {"identity_id": None if case.is_new else case.identity_id},
        "after": {
            "identity_id": done.identity_id,
            "retired": done.retired,
            "minted": done.identity_id if mints else None,
            "link": link,
            "version": act.version,
        },
        "evidence": {
            "match_weight": millibits(best.score.match_weight) if best else None,
            "margin": millibits(margin(conclusion)),
            **{
                name: one and [one.record_id, one.version, list(one.codes), millibits(one.support)]
                for name, one in speaking_against(case).items()
            },
            "levels": [[one["comparison"], one["level"], millibits(one["weight"])] for one in levels(best)],
            "candidates": [
                [one.identity_id, one.record_id, millibits(one.score.match_weight)]
                for one in _considered(conclusion)[:CANDIDATES_KEPT]
            ],
            "vetoed": [
                [one.identity_id, one.record_id, code, millibits(one.score.match_weight)]
                for one, code in _vetoed(conclusion)[:CANDIDATES_KEPT]
            ],
            "identities": len(_considered(conclusion)),
            "keys": _keys(conclusion),
            "thresholds": matcher.thresholds,
            "reasons": _reasons(conclusion, done),
        },
        "versions": matcher.versions,
        "context": {
            "decision_id": done.decision_id,
            "review_id": done.review_id,
            "study_review_id": done.study_review_id,
            "closed_reviews": list(done.closed),
        },
        "transport": {
            "door": act.door,
            "idempotency_key": act.idempotency_key,
            "outbox_ids": [str(one) for one in done.outbox_ids],
        },
    }


def _told_levels(score: Score) -> list[list[Any]]:
    """[comparison, level, bits] of what both sides told, the prior first; the rest weighs nothing."""
    return [list(one) for one in score.evidence if one.level is not None or one.weight]


def _shown_against(one: Against | None) -> dict[str, Any] | None:
    """The version that speaks against the record, why, and how the two compare."""
    if one is None:
        return None
    return {
        "record_id": one.record_id,
        "version": one.version,
        "codes": list(one.codes),
        "support": one.support,
        "levels": _told_levels(one.score),
    }


def _vetoed(conclusion: Conclusion) -> tuple[tuple[Candidate, str], ...]:
    """The identities that are somebody else, the most alike first, each with the code of its veto."""
    decision = conclusion.case.decision
    return decision.vetoed if decision else ()


def _considered(conclusion: Conclusion) -> tuple[Candidate, ...]:
    decision = conclusion.case.decision
    return decision.considered if decision else ()


def _keys(conclusion: Conclusion) -> dict[str, list[str]]:
    """Blocking rules whose keys met somebody, and rules whose key had too many records to be read."""
    return {"met": _rules(conclusion.met.keys), "cut": _rules(conclusion.met.cut)}


def _rules(keys: tuple[BlockingKey, ...]) -> list[str]:
    return sorted({key.rule for key in keys})


def _reasons(conclusion: Conclusion, done: Done) -> list[str]:
    return [*conclusion.verdict.reasons, *([f"a-id:{done.why_no_a_id}"] if done.why_no_a_id else [])]
