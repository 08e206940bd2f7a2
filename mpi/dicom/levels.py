"""One data set, top level or item, read by tag with its own character set."""

from __future__ import annotations

from mpi.dicom import tags
from mpi.dicom.charsets import decode_name, decode_text, terms_of
from mpi.dicom.elements import Element, Encoding, inside
from mpi.dicom.objects import DicomObject, level, value_of
from mpi.dicom.target import QualifiedId, oid_of


class Level:
    """`elements` index into `body`; `terms` are the character set in force, the level's own where it has one.

    Reading raises Unreadable for an identifying value of absurd length or a sequence whose items do not fit
    into it.
    """

    def __init__(
        self,
        body: memoryview,
        elements: dict[int, Element],
        encoding: Encoding,
        terms: tuple[str, ...] = ("",),
    ) -> None:
        self.body, self.elements, self.encoding = body, elements, encoding
        own = elements.get(tags.SPECIFIC_CHARACTER_SET)
        self.terms = terms if own is None else terms_of(value_of(body, own))

    @classmethod
    def top(cls, opened: DicomObject) -> Level:
        """The top level of an object."""
        return cls(opened.body, opened.elements, opened.encoding)

    def text(self, tag: int) -> str | None:
        """The first value without the spaces around it; None when absent."""
        value = self.whole_text(tag)
        return None if value is None else value.split("\\")[0].strip(" \0")

    def whole_text(self, tag: int) -> str | None:
        """The value with all its backslashes: an id may break its VR."""
        element = self.elements.get(tag)
        return None if element is None else decode_text(value_of(self.body, element), self.terms).strip(" \0")

    def name(self, tag: int) -> str | None:
        """A person name with its groups; None when absent."""
        element = self.elements.get(tag)
        return None if element is None else decode_name(value_of(self.body, element), self.terms)

    def levels(self, tag: int) -> list[Level]:
        """The items of a sequence; none when absent."""
        element = self.elements.get(tag)
        if element is None:
            return []
        encoding = inside(element, self.encoding)
        return [
            Level(self.body, found, encoding, self.terms)
            for _, found in level(self.body, element, self.encoding)
        ]

    def universal_id(self) -> tuple[str | None, str | None]:
        """(0040,0032) and (0040,0033) of the first item of Issuer of Patient ID Qualifiers."""
        qualifiers = self.levels(tags.ISSUER_OF_PATIENT_ID_QUALIFIERS)
        if not qualifiers:
            return None, None
        return qualifiers[0].text(tags.UNIVERSAL_ENTITY_ID), qualifiers[0].text(tags.UNIVERSAL_ENTITY_ID_TYPE)

    def qualified_id(self) -> QualifiedId | None:
        """Patient ID with its issuer; None when empty or absent."""
        value = self.whole_text(tags.PATIENT_ID)
        if not value:
            return None
        universal_id, kind = self.universal_id()
        return QualifiedId(
            value=value,
            label=self.text(tags.ISSUER_OF_PATIENT_ID) or None,
            oid=oid_of(universal_id, kind),
        )
