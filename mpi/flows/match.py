"""A question that stores nothing: the grade that `identify` would give, without giving it."""

from __future__ import annotations

from sqlalchemy import Connection

from matching.decision import Candidate, Outcome, decide
from matching.normalise import normalise
from matching.records import RawRecord, Record
from mpi.errors import Unprocessable
from mpi.flows import candidates, contradictions, evidence, membership
from mpi.flows.matcher import Matcher
from mpi.flows.membership import NOBODY
from mpi.flows.requests import MatchAnswer, MatchCandidate, MatchRequest
from mpi.security.authorities import authority_by_name
from mpi.security.nir_guard import guard

FEWEST_TRAITS = 3
WILDCARDS = "*?%"

# A trait is what a question can be about; two given names or two telephone numbers are one.
TRAITS = (
    ("family_name", "birth_name"),
    ("given_names", "used_given_name"),
    ("sex",),
    ("birth_date",),
    ("birth_place",),
    ("address", "postal_code", "city"),
    ("phone",),
    ("email",),
)


def match(tx: Connection, request: MatchRequest, matcher: Matcher) -> MatchAnswer:
    """One certain identity, none or many, among those that share a blocking key. Quotas are the door's.

    Raises Unprocessable for fewer than three traits that can be compared or for a wildcard,
    RecordedRefusal for a social security number in the place of an identifier. Past the deadline what was
    scored so far decides, and `one` becomes `many`.
    """
    until = matcher.clock() + matcher.deadline
    raw, hits = guard(request.raw)
    _check_wildcards(raw)
    known = authority_by_name(tx, raw.authority) if raw.authority else None
    record = normalise(raw, sends_status=known is not None and known.sends_status)
    _check_traits(record)
    met = candidates.meet(tx, candidates.keys_of(record), matcher, without=None)
    scored, complete = candidates.score(
        record, met.known, matcher, own_identity=None, apart=NOBODY, until=until
    )
    decision = decide(record, scored, matcher.policy)
    alike = [one for one in decision.considered if one.score.match_weight >= matcher.policy.review_at]
    certain = (
        decision.outcome is Outcome.LINK
        and complete
        and decision.best is not None
        and not _contradicted(tx, record, decision.best, matcher)
    )
    return MatchAnswer(
        outcome="one" if certain else "none" if decision.outcome is Outcome.NEW else "many",
        identity_id=decision.best.identity_id if certain and decision.best else None,
        model=matcher.model.version,
        candidates=tuple(
            MatchCandidate(
                identity_id=one.identity_id,
                match_weight=one.score.match_weight,
                match_probability=one.score.probability,
                evidence=tuple(evidence.levels(one)),
            )
            for one in alike
        ),
        dropped=tuple(hit for hit in hits if not hit.suspect),
    )


def _contradicted(tx: Connection, record: Record, best: Candidate, matcher: Matcher) -> bool:
    """Whether a member of the identity speaks against the record, however much another one resembles it."""
    members = candidates.read(tx, membership.members(tx, best.identity_id), matcher)
    return contradictions.of_link([[record]], candidates.by_record(members), matcher) is not None


def _check_wildcards(raw: RawRecord) -> None:
    """A question names one person: no pattern."""
    told = (raw.family_name, raw.birth_name, *raw.given_names, raw.used_given_name, raw.birth_date, raw.city)
    if any(sign in text for text in told if text for sign in WILDCARDS):
        raise Unprocessable("A question holds no wildcard.", field="traits", rule="no-wildcard")


def _check_traits(record: Record) -> None:
    told = sum(any(getattr(record, name) for name in names) for names in TRAITS)
    if told < FEWEST_TRAITS:
        raise Unprocessable(
            f"A question needs at least {FEWEST_TRAITS} traits.", field="traits", rule="at-least-three"
        )
