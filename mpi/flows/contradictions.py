"""What speaks against two records being one person, whatever agrees: pure, and with the evidence kept.

Three askers: a record against its own history, a link against everybody whom it would join, and a changed
record against the identity that it is in already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from matching.checks import Candidate, Effect, Pair, against, apart
from matching.comparisons import compare
from matching.model import Score
from matching.records import Record
from mpi.flows.candidates import Known
from mpi.flows.matcher import Matcher

CONTRADICTION_AT = 0.0  # bits of evidence, prior excluded: below it two records speak of two people


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """A version of a source record that speaks against the record judged, the one that comes closest to it.

    `codes` are those of matching.checks, empty where the weight alone speaks.
    """

    record_id: str
    version: int
    codes: tuple[str, ...]
    score: Score

    @property
    def support(self) -> float:
        """The evidence that the two are one person, in bits, without the prior."""
        return self.score.match_weight - self.score.evidence[0].weight


def two_people(ours: Iterable[Record], theirs: Sequence[Record]) -> tuple[str, ...]:
    """Codes that say that two sources speak of two people, each with its versions; empty when they do not.

    One pair of versions that nothing sets apart vouches for the others, but not by silence: where the
    versions set apart both tell a given name or a birth date, it must too.
    """
    codes: list[str] = []
    disputed: set[str] = set()
    vouching: list[set[str]] = []
    for one in ours:
        for other in theirs:
            found, told = apart(one, other), _told(one) & _told(other)
            if found:
                codes += found
                disputed |= told
            else:
                vouching.append(told)
    return () if any(disputed <= told for told in vouching) else tuple(dict.fromkeys(codes))


def of_history(words: Record, history: Sequence[Known], matcher: Matcher) -> Against | None:
    """The version of one person's history (not empty) that speaks against `words`; None when one vouches."""
    closest = _closest([words], history, matcher)
    codes = two_people([words], [one.record for one in history])
    return _speaks(closest, codes)


def of_link(
    ours: Iterable[Sequence[Record]], theirs: Mapping[str, Sequence[Known]], matcher: Matcher
) -> Against | None:
    """The source record of another identity that speaks against one of ours; None when nobody does.

    Both sides are versions by source record, the newest last. The newest words of a source count before what
    it said earlier: a value since corrected vouches for nobody.
    """
    mine = list(ours)
    for told in theirs.values():
        records = [one.record for one in told]
        for versions in mine:
            codes = apart(versions[-1], records[-1]) or two_people(versions, records)
            found = _speaks(_closest(versions, told, matcher), codes)
            if found is not None:
                return found
    return None


def of_identity(
    record: Record,
    before: Record,
    members: Sequence[Known],
    matcher: Matcher,
    *,
    encounter_on: date | None,
    seen_on: date | None,
) -> Against | None:
    """The member of its own identity that `record` may not be linked to, though `before` might; None: nobody.

    `encounter_on` is the day of the encounter that brought the record, `seen_on` that of the identity's last
    examination, None = unknown. What spoke against the link before the change is known, and asked no more.
    """
    for one in members:
        if one.past:
            continue
        gained = set(_checks(record, one, matcher, encounter_on, seen_on))
        gained -= set(_checks(before, one, matcher, encounter_on, seen_on))
        if gained:
            return _against(record, one, matcher, codes=tuple(sorted(gained)))
    return None


def _told(record: Record) -> set[str]:
    """Which of given name and birth date it tells; a newborn's provisional name is none."""
    told = {
        "given_names": record.given_names is not None and "newborn" not in record.flags,
        "birth_date": record.birth_date is not None,
    }
    return {name for name, tells in told.items() if tells}


def _closest(ours: Iterable[Record], theirs: Iterable[Known], matcher: Matcher) -> Against:
    pairs = [_against(one, other, matcher) for one in ours for other in theirs]
    return max(pairs, key=lambda pair: (pair.support, pair.version))


def _against(record: Record, other: Known, matcher: Matcher, *, codes: tuple[str, ...] = ()) -> Against:
    score = matcher.model.score(record, other.record, population=matcher.population)
    return Against(record_id=other.record_id, version=other.version, codes=codes, score=score)


def _speaks(closest: Against, codes: tuple[str, ...]) -> Against | None:
    if not codes and closest.support >= CONTRADICTION_AT:
        return None
    return Against(record_id=closest.record_id, version=closest.version, codes=codes, score=closest.score)


def _checks(
    record: Record, other: Known, matcher: Matcher, encounter_on: date | None, seen_on: date | None
) -> list[str]:
    """Codes of the vetoes and bars between two records, whichever of them is taken as the one that comes."""
    pairs = [
        _pair(record, other.record, other, matcher, encounter_on),
        _pair(other.record, record, other, matcher, seen_on),
    ]
    return against(pairs, Effect.VETO) + against(pairs, Effect.BAR, waived=matcher.policy.waives)


def _pair(comes: Record, stands: Record, known: Known, matcher: Matcher, on: date | None) -> Pair:
    candidate = Candidate(
        identity_id=known.identity_id,
        record_id=known.record_id,
        record=stands,
        score=matcher.model.score(comes, stands, population=matcher.population),
    )
    levels = {compared.comparison: compared.level for compared in compare(comes, stands)}
    return Pair(comes, candidate, levels, on)
