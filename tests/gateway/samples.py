"""Small real objects for the gateway's tests: a data set of pydicom under invented people and fresh UIDs."""

from __future__ import annotations

import io
from typing import Any

import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid


def small_object(**elements: Any) -> bytes:
    """A Part 10 file of about 39 kB (CT_small.dcm), its UIDs fresh unless given; None removes an element."""
    dataset = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    fresh = {
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "SOPInstanceUID": generate_uid(),
        "PatientName": "LEFEVRE^ANNE",
        "PatientID": "0042",
        "PatientBirthDate": "19580228",
        "PatientSex": "F",
    }
    for keyword, value in (fresh | elements).items():
        if value is None:
            if keyword in dataset:
                delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def tiny_object(**elements: Any) -> bytes:
    """The same with an image of four pixels, about 6 kB."""
    return small_object(Rows=2, Columns=2, PixelData=bytes(8), **elements)
