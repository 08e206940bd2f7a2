"""Builds the demonstration's studies: pydicom's sample objects with fresh UIDs and invented patients."""

from __future__ import annotations

import io
import logging
import unicodedata
import warnings
from dataclasses import dataclass
from pathlib import Path

import data_store
import pydicom
from pydicom.charset import encode_string, python_encoding
from pydicom.dataelem import DataElement
from pydicom.dataset import FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid
from pydicom.valuerep import PersonName

from mpi.demo.cast import Cast, PlannedStudy, Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One object ready to send. `data` is a Part 10 file."""

    study: PlannedStudy
    told: Told | None
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax: str
    data: bytes


def sample_path(name: str) -> Path:
    """Where the installed packages keep a sample object."""
    shipped = Path(pydicom.data.__file__).parent
    roots = [shipped / "test_files", shipped / "charset_files", Path(data_store.__file__).parent / "data"]
    found = (root / name for root in roots)
    return next(path for path in found if path.is_file())


def in_charset(text: str, charset: str | list[str] | None) -> str:
    """The text, its accents dropped when the object's character set cannot hold them."""
    names = [charset] if isinstance(charset, str) else list(charset or ["ISO_IR 6"])
    try:
        encoded = encode_string(text, [python_encoding[name] for name in names])
        if encoded.decode(python_encoding[names[0]], errors="strict") == text:
            return text
    except (UnicodeError, LookupError, KeyError):
        pass
    folded = unicodedata.normalize("NFKD", text.replace("Œ", "OE").replace("œ", "oe"))
    return folded.encode("ascii", "ignore").decode("ascii")


def person_name(told: Told | None, dataset: FileDataset) -> str:
    """PN of the patient in the object's own character set: family^given^middle."""
    if told is None:
        return "INCONNU^X"
    given, *others = told.traits.get("given_names", [""])
    name = f"{told.traits.get('family_name', '')}^{given}^{' '.join(others)}".rstrip("^")
    return in_charset(name, dataset.get("SpecificCharacterSet"))


def _dress(dataset: FileDataset, study: PlannedStudy, told: Told | None, label: str, oid: str) -> None:
    """Puts the invented patient and the study's own date on a sample object."""
    traits = told.traits if told else {"sex": "M"}
    dataset.PatientName = PersonName(person_name(told, dataset))
    dataset.PatientID = study.local_id
    dataset.IssuerOfPatientID = label
    qualifiers = pydicom.Dataset()
    qualifiers.UniversalEntityID = oid
    qualifiers.UniversalEntityIDType = "ISO"
    dataset.IssuerOfPatientIDQualifiersSequence = Sequence([qualifiers])
    dataset.PatientBirthDate = traits.get("birth_date", "").replace("-", "")
    dataset.PatientSex = traits.get("sex", "")
    if traits.get("birth_name"):
        dataset.PatientBirthName = in_charset(traits["birth_name"], dataset.get("SpecificCharacterSet"))
    dataset.StudyDate, dataset.StudyTime = study.date, study.time
    for keyword in ("OtherPatientIDs", "OtherPatientIDsSequence"):
        if keyword in dataset:
            delattr(dataset, keyword)


def build(cast: Cast) -> list[Planned]:
    """Every object of every planned study, in the fixtures' order; the same for one seed, UIDs included."""
    logging.getLogger("pydicom").setLevel(logging.ERROR)
    planned = []
    for study in cast.studies:
        site, told = cast.site(study.authority), cast.told(study.authority, study.local_id)
        study_uid = generate_uid(entropy_srcs=[str(cast.seed), study.study])
        series_uid = generate_uid(entropy_srcs=[str(cast.seed), study.study, "series"])
        for number in range(study.images):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                dataset = pydicom.dcmread(sample_path(study.sample))
                _dress(dataset, study, told, site.label, site.oid)
                dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study_uid, series_uid
                dataset.SOPInstanceUID = generate_uid(entropy_srcs=[str(cast.seed), study.study, str(number)])
                dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
                dataset.add(DataElement(0x00200013, "IS", str(number + 1)))
                target = io.BytesIO()
                dataset.save_as(target)
            planned.append(
                Planned(
                    study=study,
                    told=told,
                    study_instance_uid=study_uid,
                    series_instance_uid=series_uid,
                    sop_instance_uid=str(dataset.SOPInstanceUID),
                    sop_class_uid=str(dataset.SOPClassUID),
                    transfer_syntax=str(dataset.file_meta.TransferSyntaxUID),
                    data=target.getvalue(),
                )
            )
    return planned
