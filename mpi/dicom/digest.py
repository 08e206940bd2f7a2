"""The content digest: equal for two copies of one object that differ only in what identity coercion
writes.
"""

from __future__ import annotations

import hashlib

from mpi.dicom import tags
from mpi.dicom.elements import Buffer
from mpi.dicom.objects import DicomObject, open_object

LEFT_OUT = frozenset(
    {
        tags.LENGTH_TO_END,
        tags.COERCION_DATE_TIME,
        tags.PATIENT_ID,
        tags.ISSUER_OF_PATIENT_ID,
        tags.TYPE_OF_PATIENT_ID,
        tags.ISSUER_OF_PATIENT_ID_QUALIFIERS,
        tags.OTHER_PATIENT_IDS,
        tags.ORIGINAL_ATTRIBUTES,
    }
)


def content_digest(data: Buffer | DicomObject, *, transfer_syntax: str | None = None) -> bytes:
    """SHA-256 over transfer syntax and elements as encoded, without LEFT_OUT, group lengths, file meta and
    zero tail.

    Of a deflated object the inflated bytes count. Raises Unreadable.
    """
    opened = open_object(data, transfer_syntax)
    digest = hashlib.sha256(opened.transfer_syntax.encode("ascii", "replace") + b"\0")
    start = end = 0
    for tag, element in opened.elements.items():
        if tag in LEFT_OUT or not tag & 0xFFFF:
            digest.update(opened.body[start:end])
            start = element.end
        end = element.end
    digest.update(opened.body[start:end])
    return digest.digest()
