"""The fallback of the walker: a plain pydicom read and write, accepted only when every raw value comes back
equal.
"""

from __future__ import annotations

import io

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import data_element_generator, read_dataset
from pydicom.filewriter import write_dataset
from pydicom.tag import BaseTag

from mpi.dicom.elements import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Buffer,
    Encoding,
    Irregular,
    TooMany,
    Unreadable,
    encode,
)

SIZE_LIMIT = 1 << 26  # bytes: this way copies the data set several times
MAX_ELEMENTS = 20_000  # at every level together; pydicom takes some 50 microseconds for each
_READS = 3  # of a header, a long length and a value
PADDING = b"\0 "
_SENTINEL = 0xFFFDFFFD


def rewritten(body: Buffer, encoding: Encoding, refusal: Irregular) -> bytes:
    """The same data set in regular form. `refusal` is why the walker stopped. Raises Unreadable."""
    if len(body) > SIZE_LIMIT:
        raise Unreadable(f"{refusal.reason}; too large to rewrite")
    try:
        regular = write(_read_to_the_end(body, encoding), encoding)
        equal = _equal(_read_to_the_end(body, encoding), read(regular, encoding))
    except TooMany:
        raise
    except Exception as error:  # pydicom raises many kinds on malformed input
        raise Unreadable(f"{refusal.reason}; pydicom: {type(error).__name__}") from error
    if not equal:
        raise Unreadable(f"{refusal.reason}; pydicom does not give the same values back")
    return regular


class _Counted(io.BytesIO):
    """Bytes that end the reading of too many elements while they are read. Raises TooMany."""

    def __init__(self, body: Buffer) -> None:
        super().__init__(body)
        self._left = _READS * MAX_ELEMENTS

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes, if it is not yet one time too many."""
        self._left -= 1
        if self._left < 0:
            raise TooMany(f"more than {MAX_ELEMENTS} elements to rewrite")
        return super().read(size)


def read(body: Buffer, encoding: Encoding) -> Dataset:
    """A data set as pydicom reads it, its values still raw. May raise anything on malformed input."""
    return read_dataset(_Counted(body), not encoding.explicit, encoding.little)


def write(dataset: Dataset, encoding: Encoding) -> bytes:
    """A data set as pydicom writes it in the given encoding."""
    target = DicomBytesIO()
    target.is_implicit_VR, target.is_little_endian = not encoding.explicit, encoding.little
    write_dataset(target, dataset)
    return target.getvalue()


def _read_to_the_end(body: Buffer, encoding: Encoding) -> Dataset:
    """Reads with an element of ours behind the last: it comes back only if nothing was skipped or cut short.

    Raises ValueError for a tag told twice, of which pydicom would keep one; anything on malformed input.
    """
    layout = encoding
    if encoding is EXPLICIT_LITTLE and read(body, encoding).original_encoding[0]:
        layout = IMPLICIT_LITTLE
    whole = bytes(body) + encode(_SENTINEL, "UN", b"", layout)
    told = [one.tag for one in data_element_generator(_Counted(whole), not layout.explicit, layout.little)]
    if len(told) != len(set(told)):
        raise ValueError("a tag twice")
    dataset = read(whole, encoding)
    del dataset[_SENTINEL]
    return dataset


def _equal(before: Dataset, after: Dataset) -> bool:
    """Whether two data sets hold the same tags and raw values at every level; padding and group lengths
    aside.
    """
    told = [element.tag for element in before.values() if element.tag.element]
    return {*told} == {*after.keys()} and all(_equal_values(before, after, tag) for tag in told)


def _equal_values(before: Dataset, after: Dataset, tag: BaseTag) -> bool:
    old, new = _raw(before.get_item(tag)), _raw(after.get_item(tag))
    if old is not None and old == new:
        return True  # without a look into a sequence
    if old is not None and new is not None and after[tag].VR != "SQ":
        return old.rstrip(PADDING) == new.rstrip(PADDING)
    if before[tag].VR != "SQ" or after[tag].VR != "SQ":
        return False
    items, others = before[tag].value, after[tag].value
    return len(items) == len(others) and all(map(_equal, items, others))


def _raw(element: DataElement | RawDataElement | None) -> bytes | None:
    """The bytes of a value that was not decoded; pydicom decodes empty ones at once."""
    if isinstance(element, RawDataElement):
        return element.value or b""
    return b"" if element is not None and element.is_empty else None
