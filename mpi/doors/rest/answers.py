"""What callers get back. A field that this caller may not see is left out, not emptied."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field


class Evidence(BaseModel):
    """One comparison's level and weight; the first is the prior."""

    comparison: str
    level: str | None = Field(None, description="None: one side is unknown, which weighs nothing.")
    weight: float = Field(description="Bits.")


class Dropped(BaseModel):
    """A social security number was found here and removed."""

    field: str
    rule: str


class Identified(BaseModel):
    """The identity of one record. What follows `decision_id` is for callers with a reading role only."""

    outcome: Literal["known", "linked", "new", "review"]
    identity_id: str = Field(description="The E-ID.")
    provisional: bool = Field(description="A clerk is asked; the identity may change.")
    a_id: str | None = Field(description="Evidence for other sites, never the identifier.")
    review_id: str | None
    decision_id: str
    match_weight: float | None = Field(None, description="log2 of the posterior odds, in bits.")
    match_probability: float | None = None
    margin: float | None = Field(None, description="Bits above the second identity.")
    model: str | None = None
    evidence: list[Evidence] | None = None
    dropped: list[Dropped] | None = Field(None, description="Present when something was removed.")


class Candidate(BaseModel):
    """One identity that resembles the person asked about."""

    identity_id: str
    match_weight: float
    match_probability: float
    evidence: list[Evidence]


class Matched(BaseModel):
    """Whether the person is known. Candidates are for callers with a reading role only."""

    outcome: Literal["one", "none", "many"]
    identity_id: str | None = Field(description="Of the one certain identity, else null.")
    candidates: list[Candidate] | None = None
    dropped: list[Dropped] | None = Field(None, description="Present when something was removed.")


class Coerced(BaseModel):
    """What a study should carry. Identity, decision and time are absent for an object without a patient."""

    action: Literal["coerce", "pass"]
    outcome: Literal["known", "linked", "new", "review"] | None = Field(
        None, description="Of the decision that the study is pinned under, the same at every call."
    )
    identity_id: str | None = Field(None, description="The surviving E-ID.")
    provisional: bool = Field(False, description="A clerk is asked; the identity may change.")
    decision_id: str | None = None
    at: datetime | None = Field(None, description="The time to write: when it was decided.")
    coerced: dict[str, Any] = Field(description="Elements to set, as DICOM JSON.")
    original_attributes: dict[str, Any] = Field(
        description="Item to append to Original Attributes Sequence, as DICOM JSON."
    )
    dropped: list[Dropped] | None = Field(None, description="Present when something was removed.")


class Record(BaseModel):
    """One source record."""

    authority: str
    local_id: str
    identity_id: str
    provisional: bool
    version: int = Field(description="How many different versions this record has told.")
    told_at: datetime
    traits: dict[str, Any] | None = Field(None, description="As told; for reading roles only.")


class Identity(BaseModel):
    """One person as far as we know. An old id names the survivor and answers with its records."""

    identity_id: str = Field(description="The id that answers today.")
    merged_into: str | None = Field(description="Set when the id asked for is an old one.")
    provisional: bool
    records: list[Record]


class Study(BaseModel):
    """One examination and whose it is today."""

    study_instance_uid: str
    identity_id: str
    provisional: bool
    authority: str
    local_id: str
    modality: str | None
    at: datetime | None
    archive: str | None
    description: str | None
    accession_number: str | None
    retrieve_url: str | None = Field(description="Where the archive hands the study out.")


class Studies(BaseModel):
    """All examinations of one person in time order; those without a time come last."""

    identity_id: str
    merged_into: str | None
    studies: list[Study]


class Health(BaseModel):
    """Alive."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Each part that an answer needs: `ok`, or a word for what is wrong."""

    status: Literal["ready", "not-ready"]
    parts: dict[str, str]
