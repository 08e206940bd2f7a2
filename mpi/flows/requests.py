"""What a door hands to a flow, and what it gets back: plain data, the same for REST, DIMSE and files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from matching.records import RawRecord
from mpi.security.actors import Actor
from mpi.security.nir_guard import NirHit as NirHit

Outcome = Literal["known", "linked", "new", "review"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRef:
    """One examination, to be pinned to the source record it came with. `at` is when it was made, UTC."""

    study_instance_uid: str
    modality: str | None = None
    at: datetime | None = None
    archive: str | None = None
    description: str | None = None
    accession_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifyRequest:
    """`raw` carries authority and local id. `unidentified`: the id was empty or a placeholder, so the record
    stands for one study only, is never linked and a review of kind 10 opens. `partial`: what is not told is
    not withdrawn, as in the header of an image. `door`: rest, dimse, http-dicom, file.
    """

    actor: Actor
    raw: RawRecord
    door: str
    study: StudyRef | None = None
    idempotency_key: str | None = None
    unidentified: bool = False
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifyAnswer:
    """The answer of `identify`. Weights are bits (log2 of the posterior odds); None where nothing was
    compared.

    `evidence` is a tuple of {"comparison", "level", "weight"} with the prior first; the weights add up to
    `match_weight`. `dropped` lists what the NIR guard removed.
    """

    outcome: Outcome
    identity_id: str
    provisional: bool
    a_id: str | None
    review_id: str | None
    decision_id: str
    match_weight: float | None
    match_probability: float | None
    margin: float | None
    model: str
    evidence: tuple[dict[str, Any], ...] = ()
    dropped: tuple[NirHit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRequest:
    """A question that stores nothing. `raw` may have an empty authority and local id."""

    actor: Actor
    raw: RawRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchCandidate:
    """One identity that resembles the person asked about. Weights in bits, the prior first in `evidence`."""

    identity_id: str
    match_weight: float
    match_probability: float
    evidence: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchAnswer:
    """`one`: the identity that `identify` would link to; `many`: it would ask a clerk; `none`: it would mint.

    `identity_id` is None unless the outcome is `one`. `candidates` (at or above `review_at`, best first) are
    for callers with a reading role only. `dropped` lists what the NIR guard removed.
    """

    outcome: Literal["one", "none", "many"]
    identity_id: str | None
    model: str
    candidates: tuple[MatchCandidate, ...] = ()
    dropped: tuple[NirHit, ...] = ()
