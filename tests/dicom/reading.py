"""What a test reads in a coerced object, with pydicom alone."""

from __future__ import annotations

import io

import pydicom
from pydicom import Dataset


def read(data: bytes) -> Dataset:
    """The object as pydicom sees it."""
    return pydicom.dcmread(io.BytesIO(data))


def recorded(dataset: Dataset) -> Dataset:
    """What the last Original Attributes item recorded."""
    return dataset.OriginalAttributesSequence[-1].ModifiedAttributesSequence[0]


def nir() -> str:
    """A fictitious social security number with its key: order number 000."""
    number = "1580275056" + "000"
    return number + f"{97 - int(number) % 97:02d}"
