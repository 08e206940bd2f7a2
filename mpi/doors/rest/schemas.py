"""What callers may say: the one schema of people as strict Pydantic models, and its way to a RawRecord.

An unknown key is refused, since a misspelt trait would be lost in silence. Dates are text and are kept as
told; what is no date compares as unknown. An empty text is the same as an absent one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from matching.records import Identifier, RawRecord
from mpi.flows.requests import StudyRef

LONGEST_TEXT = 1000  # characters
MOST_VALUES = 50  # items of one list
UID = r"^[0-2](\.(0|[1-9][0-9]*))+$"  # PS3.5 section 9.1

# White space that an address may hold; everything else of Unicode's category Cc is refused everywhere.
LINE_BREAKS = frozenset("\t\n\r")


def broken(rule: str) -> PydanticCustomError:
    """An error that names our rule and repeats nothing of the value."""
    return PydanticCustomError("our_rule", "The value breaks the rule {rule}.", {"rule": rule})


def plain_text(text: str, *, allowed: frozenset[str] = frozenset()) -> str:
    """`text` itself; raises when it holds a control character or half of a surrogate pair."""
    for character in text:
        if character not in allowed and unicodedata.category(character) in ("Cc", "Cs"):
            raise broken("control-character" if unicodedata.category(character) == "Cc" else "not-unicode")
    return text


def _several_lines(text: str) -> str:
    return plain_text(text, allowed=LINE_BREAKS)


def _split_at(separator: str | None) -> Callable[[Any], Any]:
    """Makes the text form of the files into the list form of JSON; None splits at white space."""

    def split(told: Any) -> Any:
        if isinstance(told, str):
            return [part for part in (piece.strip() for piece in told.split(separator)) if part]
        return [] if told is None else told

    return split


def _upper(told: Any) -> Any:
    return (told.upper() or None) if isinstance(told, str) else told


def _number_as_text(told: Any) -> Any:
    return str(told) if isinstance(told, int) and not isinstance(told, bool) else told


def _text_or_list(separator: str | None) -> BeforeValidator:
    return BeforeValidator(_split_at(separator), json_schema_input_type=str | list[str] | None)


def in_utc(at: datetime) -> datetime:
    """The same instant in UTC; raises where the calendar's first or last day has no such instant."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise broken("not-in-utc") from None


Text = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(plain_text)]
Lines = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(_several_lines)]
Given = Annotated[list[Text], Field(max_length=MOST_VALUES), _text_or_list(None)]
Several = Annotated[list[Text], Field(max_length=MOST_VALUES), _text_or_list(";")]
Code = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,15}$")]
Codes = Annotated[list[Code], Field(max_length=MOST_VALUES), _text_or_list(";")]
Flags = Annotated[
    list[Literal["newborn", "protected", "date_estimated"]],
    Field(max_length=MOST_VALUES),
    _text_or_list(";"),
]
Status = Annotated[Literal["PROV", "RECUP", "VALI", "QUAL"] | None, BeforeValidator(_upper)]
Sex = Annotated[Literal["M", "F", "I"] | None, BeforeValidator(_upper)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(plain_text)]
Uid = Annotated[str, Field(max_length=64, pattern=UID)]
Modality = Annotated[str, Field(max_length=16, pattern=r"^[0-9]*[A-Z_][A-Z0-9_]*$")]


class Strict(BaseModel):
    """No key that we do not know, no text where a number stands, no number where a text stands."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class OtherIdentifier(Strict):
    """Another identifier of the person; a social security number is dropped."""

    value: Name
    issuer: Text | None = None
    type: Text | None = Field(None, description="HL7 table 0203.")


def _identifiers(told: Any) -> Any:
    """The files' `value^^^issuer` separated by `;` as objects."""
    if not isinstance(told, str):
        return [] if told is None else told
    parts = [one.split("^") for one in _split_at(";")(told)]
    return [{"value": one[0], "issuer": one[3] if len(one) > 3 else None} for one in parts]


class Traits(Strict):
    """The traits of one person as told. All are optional; at least one name is needed."""

    family_name: Text | None = Field(None, description="Name in use, or the only name there is.")
    birth_name: Text | None = None
    given_names: Given = Field([], description="In order: a list, or one text separated by spaces.")
    used_given_name: Text | None = None
    sex: Sex = None
    birth_date: Text | None = Field(
        None, description="`YYYY-MM-DD` or `YYYYMMDD`; `YYYY-MM` and `YYYY` are incomplete."
    )
    birth_place: Text | None = Field(None, description="INSEE code, 5 characters; 99xxx abroad.")
    address: Lines | None = None
    postal_code: Text | None = None
    city: Text | None = None
    country: Text | None = None
    phone: Several = Field([], description="One, or several: a list, or one text separated by `;`.")
    email: Several = []
    multiple_birth: Annotated[
        Text | None, BeforeValidator(_number_as_text, json_schema_input_type=str | int | None)
    ] = Field(None, description="Birth order.")
    death_date: Text | None = None
    status: Status = Field(None, description="May stand here or beside the traits.")
    attributes: Codes = []
    flags: Flags = []
    identifiers: Annotated[
        list[OtherIdentifier],
        Field(max_length=MOST_VALUES),
        BeforeValidator(_identifiers, json_schema_input_type=str | list[OtherIdentifier] | None),
    ] = Field([], description="A list, or one text `value^^^issuer` separated by `;`.")

    @model_validator(mode="after")
    def _named(self) -> Self:
        names = (self.family_name, self.birth_name, self.used_given_name, *self.given_names)
        if not any(name and name.strip() for name in names):
            raise broken("name-missing")
        return self


class Study(Strict):
    """One examination, pinned to the source record it comes with."""

    study_instance_uid: Uid
    modality: Modality | None = Field(None, description="A code string (PS3.5), not of digits alone.")
    at: Annotated[AwareDatetime, AfterValidator(in_utc)] | None = Field(
        None, description="When it was made, with its time zone."
    )
    archive: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = Field(
        None, description="Name of a declared archive; default: the first one."
    )
    description: Text | None = None
    accession_number: Text | None = None


class PersonTold(Strict):
    """What every call about a person shares."""

    traits: Traits
    status: Status = None
    attributes: Codes = []
    flags: Flags = []

    @field_validator("status")
    @classmethod
    def _one_status(cls, status: Status, told: ValidationInfo) -> Status:
        traits = told.data.get("traits")  # absent when they are refused themselves
        if status and traits and traits.status not in (None, status):
            raise broken("contradicts-the-traits")
        return status

    def raw(self, *, authority: str, local_id: str) -> RawRecord:
        """The record as told. Empty texts become None."""
        told = self.traits
        return RawRecord(
            authority=authority,
            local_id=local_id,
            family_name=told.family_name or None,
            birth_name=told.birth_name or None,
            given_names=tuple(name for name in told.given_names if name),
            used_given_name=told.used_given_name or None,
            sex=told.sex,
            birth_date=told.birth_date or None,
            birth_place=told.birth_place or None,
            address=told.address or None,
            postal_code=told.postal_code or None,
            city=told.city or None,
            country=told.country or None,
            phone=tuple(value for value in told.phone if value),
            email=tuple(value for value in told.email if value),
            multiple_birth=told.multiple_birth or None,
            death_date=told.death_date or None,
            status=self.status or told.status,
            attributes=frozenset([*self.attributes, *told.attributes]),
            flags=frozenset([*self.flags, *told.flags]),
            identifiers=tuple(
                Identifier(value=one.value, issuer=one.issuer or None, type=one.type or None)
                for one in told.identifiers
            ),
        )


class IdentifyBody(PersonTold):
    """One record of one sender, with the examination it comes with if there is one."""

    authority: Name
    local_id: Name
    study: Study | None = None

    def study_ref(self) -> StudyRef | None:
        """The examination in the terms of the flows."""
        if self.study is None:
            return None
        return StudyRef(
            study_instance_uid=self.study.study_instance_uid,
            modality=self.study.modality,
            at=self.study.at,
            archive=self.study.archive,
            description=self.study.description or None,
            accession_number=self.study.accession_number or None,
        )


class MatchBody(PersonTold):
    """A question about one person; authority and local id may be given and are stored nowhere."""

    authority: Name | None = None
    local_id: Name | None = None
