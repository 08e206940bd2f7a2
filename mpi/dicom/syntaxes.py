"""Transfer syntaxes: how each one lays out a data set (PS3.5 annex A)."""

from __future__ import annotations

from pydicom._uid_dict import UID_dictionary

from mpi.dicom.elements import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Encoding, Unreadable

IMPLICIT_UID, EXPLICIT_UID = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED = frozenset({"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"})
_NO_DATA_SET = {"1.2.840.10008.1.2.6.1", "1.2.840.10008.1.2.6.2"}  # MIME and XML wrappings, retired
_OTHER = {
    IMPLICIT_UID: IMPLICIT_LITTLE,
    "1.2.840.10008.1.20": IMPLICIT_LITTLE,  # Papyrus 3, retired
    "1.2.840.113619.5.2": IMPLICIT_LITTLE,  # GE private: only the pixels are big endian
    "1.2.840.10008.1.2.2": EXPLICIT_BIG,
}
ENCODINGS: dict[str, Encoding] = {
    uid: EXPLICIT_LITTLE
    for uid, (_, kind, *_rest) in UID_dictionary.items()
    if kind == "Transfer Syntax" and uid not in _NO_DATA_SET
} | _OTHER


def encoding_of(transfer_syntax: str) -> Encoding:
    """The layout of a known transfer syntax. Raises Unreadable for any other."""
    try:
        return ENCODINGS[transfer_syntax]
    except KeyError:
        raise Unreadable("unknown transfer syntax") from None
