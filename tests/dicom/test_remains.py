"""Of what cannot be read nothing is kept that may be a social security number. All are fictitious."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydicom.dataset import Dataset

from mpi.dicom import texts
from mpi.dicom.elements import EXPLICIT_LITTLE, Unreadable, encode
from mpi.dicom.nir import TagHit, empty_nirs
from mpi.dicom.objects import open_object
from mpi.dicom.part10 import read_meta
from mpi.dicom.splice import splice
from tests.matching.test_nir import grouped, keyed, number_of

Made = Callable[..., bytes]
EXPLICIT, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"
INS = "1.2.250.1.213.1.4.8"
OWN = number_of("1", "58", "02", "75056")  # 13 characters, of the month of the sample's patient
NIR = keyed(OWN)
CORSICAN = keyed(number_of("1", "58", "02", "2A004")).lower()
WIDE = NIR.translate({ord("0") + digit: ord("０") + digit for digit in range(10)})


def issuer(oid: str) -> list[Dataset]:
    item = Dataset()
    item.UniversalEntityID = oid
    return [item]


HIDDEN = [
    pytest.param({"PatientID": OWN}, OWN, id="13 characters that the birth date confirms"),
    pytest.param({"PatientComments": number_of()}, number_of(), id="13 characters that nothing confirms"),
    pytest.param({"PatientComments": f"SALLE 7{' ' * 34}{NIR} X"}, NIR, id="behind a digit and spaces"),
    pytest.param({"PatientComments": f"nir {CORSICAN}"}, CORSICAN, id="Corsica in lower case"),
    pytest.param({"PatientComments": grouped(NIR, "\u00a0")}, grouped(NIR, "\u00a0"), id="no-break spaces"),
    pytest.param({"PatientComments": WIDE}, WIDE, id="full-width digits"),
    pytest.param({"PatientComments": NIR + " " + NIR}, NIR, id="twice"),
    pytest.param(
        {
            "PatientID": "299999999999999",
            "IssuerOfPatientIDQualifiersSequence": issuer("1.2.250.1.213.1.4.8"),
        },
        "299999999999999",
        id="typed, whatever its form",
    ),
    pytest.param(
        {"PatientID": "INS-1", "IssuerOfPatientIDQualifiersSequence": issuer(INS)},
        "INS-1",
        id="typed, and no number at all",
    ),
    pytest.param({"OtherPatientIDs": ["A", "299999999999999"]}, "299999999999999", id="another id"),
]


@pytest.mark.parametrize("syntax", [EXPLICIT, "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", DEFLATED])
@pytest.mark.parametrize("bare", [False, True], ids=["file", "bare"])
@pytest.mark.parametrize(("values", "secret"), HIDDEN)
def test_a_cut_object_keeps_no_number(
    values: dict[str, Any], secret: str, bare: bool, syntax: str, made: Made
) -> None:
    data = made(syntax=syntax, SpecificCharacterSet="ISO_IR 192", ImagePositionPatient=[1, 2, 3], **values)
    needle = secret.encode()
    assert needle in data or syntax == DEFLATED
    body_at = read_meta(data).body_at
    cut, told = (data[body_at:], syntax) if bare else (data, None)
    where = cut.find(needle) + len(needle) if syntax != DEFLATED else len(cut) - 8
    for end in {where, where - 1, where + 2, len(cut) - 3, len(cut) - 21}:
        emptied = empty_nirs(cut[:end], told)
        if secret == "INS-1" and end < len(cut) - 5:
            continue  # the issuer is cut off: nothing says what the id is
        assert needle not in emptied.data
        assert needle[:-1] not in emptied.data
        assert emptied.hits or secret == WIDE, "cut inside, its bytes are no digits any more"
        assert {*emptied.hits} <= {TagHit("unreadable object", "R2")}
        if syntax != DEFLATED:
            assert len(emptied.data) == end
            assert bytes(emptied.data).startswith(cut[: 60 if bare else 132])


@pytest.mark.parametrize("syntax", ["1.2.3.4", ""])
def test_where_the_syntax_is_unknown_only_ascii_without_digit_runs_stays(syntax: str, made: Made) -> None:
    data = made(SpecificCharacterSet="ISO_IR 192", PatientComments=f"{NIR} {WIDE} salle 12")
    emptied = empty_nirs(data[132:] + NIR[:9].encode(), syntax)
    assert bytes(emptied.data).isascii()
    assert NIR[:9] not in bytes(emptied.data).decode()
    assert b"DUPONT^JEAN" in emptied.data


def test_what_holds_none_is_the_caller_s_own_buffer(made: Made) -> None:
    cut = made(PatientComments="rien")[:-3]
    assert empty_nirs(cut).data is cut
    clean = b"no DICOM 12345"
    assert empty_nirs(clean).data == clean


def test_an_opened_object_that_cannot_be_searched_is_refused(made: Made) -> None:
    """It would else go on with blanked bytes, as if they were what was sent."""
    changes = {0x00100030: encode(0x00100030, "UT", b"x" * 70_000, EXPLICIT_LITTLE)}
    data = b"".join(splice(open_object(made(PatientID=NIR)), changes))
    with pytest.raises(Unreadable):
        empty_nirs(open_object(data))
    emptied = empty_nirs(data)
    assert NIR.encode() not in emptied.data
    assert emptied.hits == (TagHit("unreadable object", "R2"),)


def test_a_copy_whose_birth_date_is_cut_off_is_searched_more_strictly(made: Made) -> None:
    """Its elements can all be read, yet it is no object: what would confirm the number came behind."""
    data = made(PatientID=OWN)
    cut = data[: data.index(OWN.encode()) + 14]
    assert empty_nirs(cut).data == cut.replace(OWN.encode() + b" ", b" " * 14)


def test_an_issuer_that_cannot_be_read_may_be_that_of_the_number(made: Made) -> None:
    changes = {0x00100021: encode(0x00100021, "UT", b"x" * 70_000, EXPLICIT_LITTLE)}
    data = b"".join(splice(open_object(made(PatientID="ABC-7")), changes))
    assert b"ABC-7" not in empty_nirs(data).data


def test_what_has_too_many_items_keeps_nothing_beyond_ascii(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [Dataset() for _ in range(40)]
    data = made(PatientComments=NIR, RequestAttributesSequence=items)
    monkeypatch.setattr(texts, "MAX_ITEMS", 30)
    with pytest.raises(Unreadable, match="items and elements inside sequences"):
        empty_nirs(open_object(data))
    assert NIR.encode() not in empty_nirs(data).data


def test_disorder_ends_what_is_walked(made: Made) -> None:
    data = made(PatientComments=NIR)
    body = data[read_meta(data).body_at :]
    assert NIR.encode() not in empty_nirs(body + body[:-3], EXPLICIT).data
    assert NIR.encode() not in empty_nirs(b"\xfe\xff\x00\xe0\0\0\0\0" + body[:-3], EXPLICIT).data
