"""From candidates to one of three outcomes: LINK to an identity, REVIEW by a person, NEW identity.

A link needs the weight, a margin over the runner-up identity, and no row of `CHECKS` against it. A row either
vetoes an identity (it is somebody else: left out) or bars the link (a person decides: REVIEW at most). The
reason codes are stable: they are stored with decisions and shown to clerks.

French rules: french-identity.md sections 9 and 12 of the design; RNIV for the statuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from matching.comparisons import compare
from matching.givens import are_two_given_names
from matching.model import Model, Score
from matching.records import PartialDate, Record


class Outcome(StrEnum):
    """What happens to the record: joins an identity, waits for a clerk, or stands alone."""

    LINK = "link"
    REVIEW = "review"
    NEW = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Thresholds in bits of match weight; `margin` in bits over the runner-up identity.

    From `second_person_at` one clerk may decide alone, below it two are needed.
    """

    name: str
    review_at: float
    second_person_at: float
    link_at: float
    margin: float


POLICIES = {
    # Posterior 0.05 and 0.99999; what may rewrite images (french-identity.md section 12).
    "service": Policy(name="service", review_at=-4.2, second_person_at=6.2, link_at=16.6, margin=13.0),
}


def policy(name: str, model: Model) -> Policy:
    """The policy with the model's thresholds. KeyError when the model has no such policy."""
    thresholds = model.thresholds[name]
    return Policy(
        name=name,
        review_at=thresholds.review_at,
        second_person_at=thresholds.second_person_at,
        link_at=thresholds.link_at,
        margin=thresholds.margin,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A source record that shares a blocking key; several may belong to one identity.

    `not_same`: a not-same assertion stands between the record and this one. `barred`: a link between the two
    was retracted. `past`: the values are those of an earlier version of the source record.
    """

    identity_id: str
    record_id: str
    record: Record
    score: Score
    not_same: bool = False
    barred: bool = False
    past: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """`best` and `runner_up` are the best candidates of two identities; None where there is none.

    `margin`: bits between them, None without a runner-up. `considered`: the best candidate of each identity
    that may be the person, descending. `vetoed`: the best one of each that is not, with the reason code.
    """

    outcome: Outcome
    best: Candidate | None
    runner_up: Candidate | None
    margin: float | None
    reasons: tuple[str, ...]
    considered: tuple[Candidate, ...]
    vetoed: tuple[tuple[Candidate, str], ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """The record and one candidate. `levels` holds the level of each comparison, None = unknown."""

    record: Record
    candidate: Candidate
    levels: dict[str, str | None]
    encounter_on: date | None

    @property
    def records(self) -> tuple[Record, Record]:
        return self.record, self.candidate.record


class Effect(StrEnum):
    """VETO: the identity is somebody else. BAR: REVIEW at most."""

    VETO = "veto"
    BAR = "bar"


class Scope(StrEnum):
    """IDENTITY: one such record stops the identity. PAIR: only the best candidate is looked at."""

    IDENTITY = "identity"
    PAIR = "pair"


@dataclass(frozen=True, slots=True)
class Check:
    """One row: when `applies`, the `effect` and the reason `code`."""

    code: str
    effect: Effect
    scope: Scope
    why: str
    applies: Callable[[Pair], bool]


# Levels of the ladders, read as the rules need them.
SAME_FAMILY = frozenset({"birth_and_used", "birth", "used", "crossed"})
LIKE_FAMILY = SAME_FAMILY | {
    "variant", "shared", "part", "typo", "transliteration", "phonetic", "romanised", "close",
}  # fmt: skip
SAME_GIVEN = frozenset({"list", "first", "prefix"})
SAME_DATE = frozenset({"exact", "exact_first_of_month", "exact_weak"})
LIKE_DATE = SAME_DATE | {"compatible"}
UNSURE_DATE = frozenset({"exact_weak", "compatible", "disagree_weak"})
OTHER_PLACE = frozenset({"department", "disagree"})
SAME_HOME = frozenset({("address", "exact"), ("phone", "mobile"), ("phone", "landline")})
PERSONAL = frozenset({("phone", "mobile"), ("email", "exact")})
CHECKED = frozenset({"VALI", "QUAL"})
OUTSIDE = frozenset({"FICT", "CACH", "ANOM"})


def _attribute(*codes: str) -> Callable[[Pair], bool]:
    """Either side carries one of the attributes."""
    wanted = frozenset(codes)
    return lambda pair: any(wanted & side.attributes for side in pair.records)


def _flag(flag: str) -> Callable[[Pair], bool]:
    """Either side carries the flag."""
    return lambda pair: any(flag in side.flags for side in pair.records)


def _other_birth_order(pair: Pair) -> bool:
    return pair.levels["multiple_birth"] == "disagree"


def _dead_before(pair: Pair) -> bool:
    """The candidate died before the encounter; an incomplete date of death counts as its last day."""
    died, encounter = pair.candidate.record.death_date, pair.encounter_on
    if died is None or encounter is None:
        return False
    return (died.year, died.month or 12, died.day or 31) < (encounter.year, encounter.month, encounter.day)


def _both_qualified(pair: Pair) -> bool:
    return all(side.status == "QUAL" for side in pair.records) and not pair.candidate.past


def _day(born: PartialDate | None) -> tuple[int, int | None, int | None] | None:
    return None if born is None else (born.year, born.month, born.day)


def _qualified_differ(pair: Pair) -> bool:
    """Two identities from the national service: birth name, first word of the given names, or date differ."""
    a, b = pair.records
    told = (
        (a.birth_name and a.birth_name.key, b.birth_name and b.birth_name.key),
        (a.given_names and a.given_names.words[0], b.given_names and b.given_names.words[0]),
        (_day(a.birth_date), _day(b.birth_date)),
    )
    return _both_qualified(pair) and any(one and other and one != other for one, other in told)


def _qualified_doubtful(pair: Pair) -> bool:
    """Two identities from the national service that agree on the core: list spelling, sex or place differ."""
    levels = pair.levels
    return _both_qualified(pair) and (
        levels["given_names"] not in (None, *SAME_GIVEN)
        or levels["sex"] == "disagree"
        or levels["birth_place"] in OTHER_PLACE
    )


def _other_given_name(pair: Pair) -> bool:
    """The given names may be those of two people who share the rest."""
    a, b = pair.records
    order = pair.levels["multiple_birth"]
    order_told = order != "same_order" and (a.multiple_birth, b.multiple_birth) != (None, None)
    return are_two_given_names(a, b, level=pair.levels["given_names"], strictly=order_told)


def _twins(pair: Pair) -> bool:
    """Family name and birth date agree, the given name does not: what twins look like."""
    levels = pair.levels
    return (
        levels["family_name"] in LIKE_FAMILY and levels["birth_date"] in LIKE_DATE and _other_given_name(pair)
    )


def _household(pair: Pair) -> bool:
    """Family name and home agree, the given name does not: what siblings and parents look like."""
    shared = any((name, level) in SAME_HOME for name, level in pair.levels.items())
    return shared and pair.levels["family_name"] in LIKE_FAMILY and _other_given_name(pair)


def _homonyms(pair: Pair) -> bool:
    """Name, given name and date agree, the birthplace does not."""
    levels = pair.levels
    return (
        levels["family_name"] in SAME_FAMILY
        and levels["given_names"] in SAME_GIVEN
        and levels["birth_date"] in SAME_DATE
        and levels["birth_place"] in OTHER_PLACE
    )


def _unchecked_status(pair: Pair) -> bool:
    """Both authorities send statuses, one is below VALI, and nothing personal corroborates.

    Corroborators: an identifier of the same issuer; the same mobile or e-mail with the first given name.
    """
    statuses = [side.status for side in pair.records]
    if None in statuses or CHECKED.issuperset(statuses):
        return False
    personal = any((name, level) in PERSONAL for name, level in pair.levels.items())
    return not (
        pair.levels["identifiers"] == "same" or (personal and pair.levels["given_names"] in SAME_GIVEN)
    )


def _weak_date(pair: Pair) -> bool:
    return pair.levels["birth_date"] in UNSURE_DATE


CHECKS: tuple[Check, ...] = (
    Check("not-same", Effect.VETO, Scope.IDENTITY, "a person said so", lambda pair: pair.candidate.not_same),
    Check("outside-linking", Effect.VETO, Scope.IDENTITY, "FICT, CACH, ANOM", _attribute(*OUTSIDE)),
    Check("birth-order", Effect.VETO, Scope.IDENTITY, "twins by their own account", _other_birth_order),
    Check(
        "qualified-differ", Effect.VETO, Scope.IDENTITY, "the national service knows two", _qualified_differ
    ),
    Check("dead-before", Effect.VETO, Scope.IDENTITY, "the dead have no later encounter", _dead_before),
    Check(
        "retracted-link", Effect.BAR, Scope.IDENTITY, "a person undid it", lambda pair: pair.candidate.barred
    ),
    Check("homonym-declared", Effect.BAR, Scope.IDENTITY, "HOMA", _attribute("HOMA")),
    Check("doubtful", Effect.BAR, Scope.IDENTITY, "DOUT", _attribute("DOUT")),
    Check("protected", Effect.BAR, Scope.IDENTITY, "two people decide", _flag("protected")),
    Check("newborn", Effect.BAR, Scope.PAIR, "the given name is provisional", _flag("newborn")),
    Check("twins", Effect.BAR, Scope.PAIR, "same family and date, another given name", _twins),
    Check("household", Effect.BAR, Scope.PAIR, "same family and home, another given name", _household),
    Check("homonyms", Effect.BAR, Scope.PAIR, "same names and date, another birthplace", _homonyms),
    Check("qualified-doubtful", Effect.BAR, Scope.PAIR, "list, sex or place differ", _qualified_doubtful),
    Check("weak-date", Effect.BAR, Scope.PAIR, "estimated, or a registry default", _weak_date),
    Check("status", Effect.BAR, Scope.PAIR, "not both VALI or QUAL, no corroborator", _unchecked_status),
)


def decide(
    record: Record,
    candidates: Sequence[Candidate],
    policy: Policy,
    *,
    encounter_on: date | None = None,
) -> Decision:
    """The outcome for `record` among `candidates` (in any order; the result does not depend on it).

    `encounter_on` is the day of the examination or admission that brought the record, None = unknown.
    """
    by_identity: dict[str, list[Pair]] = {}
    for one in sorted(candidates, key=lambda c: (-c.score.match_weight, c.identity_id, c.record_id)):
        levels = {compared.comparison: compared.level for compared in compare(record, one.record)}
        by_identity.setdefault(one.identity_id, []).append(Pair(record, one, levels, encounter_on))
    considered: list[list[Pair]] = []
    vetoed: list[tuple[Candidate, str]] = []
    for pairs in by_identity.values():
        codes = _codes(pairs, Effect.VETO)
        if codes:
            vetoed.append((pairs[0].candidate, codes[0]))
        else:
            considered.append(pairs)
    outcome, reasons = _outcome(considered, policy)
    alike = [code for candidate, code in vetoed if candidate.score.match_weight >= policy.review_at]
    firsts = tuple(pairs[0].candidate for pairs in considered)
    return Decision(
        outcome=outcome,
        best=firsts[0] if firsts else None,
        runner_up=firsts[1] if len(firsts) > 1 else None,
        margin=_margin(firsts),
        reasons=tuple(dict.fromkeys((*reasons, *alike))),
        considered=firsts,
        vetoed=tuple(vetoed),
    )


def _outcome(considered: Sequence[Sequence[Pair]], policy: Policy) -> tuple[Outcome, list[str]]:
    """The outcome and the reason codes of what remains after the vetoes, best identity first."""
    if not considered:
        return Outcome.NEW, ["no-candidate"]
    best = considered[0][0].candidate.score.match_weight
    if best < policy.review_at:
        return Outcome.NEW, ["below-review"]
    against = _codes(considered[0], Effect.BAR)
    if best < policy.link_at:
        against = ["below-link", *against]
    else:
        margin = _margin([pairs[0].candidate for pairs in considered])
        if margin is not None and margin < policy.margin:
            against = ["within-margin", *against]
    return (Outcome.REVIEW, against) if against else (Outcome.LINK, ["certain"])


def _margin(firsts: Sequence[Candidate]) -> float | None:
    if len(firsts) < 2:
        return None
    return round(firsts[0].score.match_weight - firsts[1].score.match_weight, 3)


def _codes(pairs: Sequence[Pair], effect: Effect) -> list[str]:
    """Codes of the checks with this effect that apply to an identity, whose best pair comes first."""
    rows: Iterable[Check] = (check for check in CHECKS if check.effect is effect)
    return [
        check.code
        for check in rows
        if any(check.applies(pair) for pair in (pairs if check.scope is Scope.IDENTITY else pairs[:1]))
    ]
