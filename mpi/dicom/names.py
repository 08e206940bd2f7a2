"""The golden name by the character-set ladder: never a garbled letter, never a substitute character.

1 the object's own character set says it; 2 the object is plain ASCII, so it may be called UTF-8; 3 the
whole object is transcoded to UTF-8 and every string compared. An archive that takes no UTF-8 keeps the
sender's name.
"""

from __future__ import annotations

import dataclasses

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from mpi.dicom import reread, tags
from mpi.dicom.charsets import UTF8, encode_text, merged_name, plain_ascii, same_name
from mpi.dicom.elements import encode, walk
from mpi.dicom.levels import Level
from mpi.dicom.objects import DicomObject
from mpi.dicom.texts import CHARACTER_VRS, texts


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What writing a name takes. `base` is the object, transcoded when it had to be; `value` None: leave
    the name.

    `charset`: whether Specific Character Set becomes ISO_IR 192. `note` is for the operator, "" when all
    is plain.
    """

    base: DicomObject
    name: str = ""
    value: bytes | None = None
    charset: bool = False
    note: str = ""


def naming(opened: DicomObject, golden: str, *, no_utf8: bool) -> Naming:
    """How to write `golden` (PN, one to three groups) into the object."""
    top = Level.top(opened)
    sender = top.name(tags.PATIENT_NAME) or ""
    if same_name(sender.split("=")[0], golden.split("=")[0]):
        return Naming(base=opened)
    name = merged_name(golden, sender)
    if (value := encode_text(name, top.terms, name=True)) is not None:
        return Naming(base=opened, name=name, value=value)
    if no_utf8:
        return _alphabetic(opened, golden, sender, top.terms)
    value = name.encode("utf-8")
    if _is_plain(opened):
        return Naming(
            base=opened, name=name, value=value, charset=True, note="character set is now ISO_IR 192"
        )
    transcoded = _transcoded(opened)
    if transcoded is None:
        return Naming(base=opened, note="the golden name was not written: the object could not be transcoded")
    return Naming(
        base=transcoded, name=name, value=value, charset=True, note="all text was transcoded to ISO_IR 192"
    )


def _alphabetic(opened: DicomObject, golden: str, sender: str, terms: tuple[str, ...]) -> Naming:
    """The golden name's alphabetic group beside the sender's others, where that can be said; else nothing."""
    name = merged_name(golden.split("=")[0], sender)
    value = encode_text(name, terms, name=True)
    note = "the golden name, or a part of it, was not written: the archive takes no UTF-8"
    return Naming(base=opened, name=name if value else "", value=value, note=note)


def _is_plain(opened: DicomObject) -> bool:
    """Whether all text, nested and behind the pixels too, reads the same as UTF-8."""
    found = list(texts(opened))
    charsets = {one.level.terms for one in found} | {Level.top(opened).terms}
    values = [opened.body[one.element.value : one.element.end] for one in found]
    return all(plain_ascii((), terms) for terms in charsets) and plain_ascii(values, ("",))


def _transcoded(opened: DicomObject) -> DicomObject | None:
    """The object with all text in UTF-8, every string equal; None when that cannot be had.

    Old Original Attributes items stay byte-identical, so an object where they hold more than ASCII is
    left alone.
    """
    if not plain_ascii([opened.whole(tags.ORIGINAL_ATTRIBUTES)], ("",)):
        return None
    end = len(opened.body) - opened.tail
    try:
        dataset = reread.read(opened.body[:end], opened.encoding)
        dataset.decode()
        _declare(dataset, top=True)
        body = reread.write(dataset, opened.encoding)
        equal = _same(reread.read(opened.body[:end], opened.encoding), reread.read(body, opened.encoding))
        found, _ = walk(body, opened.encoding)
    except Exception:  # pydicom raises many kinds
        return None
    if not equal:
        return None
    return dataclasses.replace(
        opened,
        body=memoryview(body + bytes(opened.tail)),
        elements={element.tag: element for element in found},
        via="pydicom",
    )


def _declare(dataset: Dataset, *, top: bool = False) -> None:
    """Sets ISO_IR 192 at the top and wherever an item has a character set of its own."""
    if top or "SpecificCharacterSet" in dataset:
        dataset.SpecificCharacterSet = UTF8
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                _declare(item)


def _same(before: Dataset, after: Dataset) -> bool:
    """Whether every string and every other value is equal at every level; character sets and group
    lengths aside.
    """
    told = [
        element for element in before if element.tag.element and element.tag != tags.SPECIFIC_CHARACTER_SET
    ]
    if {element.tag for element in told} != {*after.keys()} - {tags.SPECIFIC_CHARACTER_SET}:
        return False
    return all(_same_value(element, after[element.tag]) for element in told)


def _same_value(old: DataElement, new: DataElement) -> bool:
    if old.VR == "SQ":
        return len(old.value) == len(new.value) and all(map(_same, old.value, new.value))
    if old.VR in CHARACTER_VRS and old.VR != "UN":
        return str(old.value) == str(new.value) and "\ufffd" not in str(old.value)
    return bool(old.value == new.value)


def charset_element(base: DicomObject) -> bytes:
    """Specific Character Set ISO_IR 192."""
    return encode(tags.SPECIFIC_CHARACTER_SET, "CS", UTF8.encode("ascii"), base.encoding)
