"""Social security numbers are emptied wherever text may stand, and nothing else changes."""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from mpi.dicom.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE, encode, encode_item
from mpi.dicom.nir import NOT_SEARCHED, TagHit, empty_nirs
from mpi.dicom.objects import open_object
from mpi.dicom.part10 import read_meta
from mpi.dicom.splice import splice
from mpi.dicom.texts import CHARACTER_VRS, texts, vr_of

Made = Callable[..., bytes]
SYNTAXES = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"]
INS_OID = "1.2.250.1.213.1.4.8"


def _nir(*, sex: int = 1, year: str = "58", month: str = "02", keyed: bool = True) -> str:
    """A fictitious number: order 000 is never given."""
    number = f"{sex}{year}{month}75056000"
    return number + (f"{97 - int(number) % 97:02d}" if keyed else "")


def _item(**values: Any) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _private(vr: str, value: Any) -> Callable[[Dataset], None]:
    def edit(dataset: Dataset) -> None:
        dataset.private_block(0x0009, "ACME", create=True).add_new(0x01, vr, value)

    return edit


def _nested(levels: int, *, open_ended: bool) -> Callable[[Dataset], None]:
    def edit(dataset: Dataset) -> None:
        inner = dataset
        for _ in range(levels):
            item = Dataset()
            item.is_undefined_length_sequence_item = open_ended
            inner.RequestAttributesSequence = Sequence([item])
            inner["RequestAttributesSequence"].is_undefined_length = open_ended
            inner = item
        inner.RequestedProcedureDescription = f"see {_nir()}"

    return edit


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    ("values", "edit", "path", "rule"),
    [
        pytest.param({"PatientID": _nir()}, None, "(0010,0020)", "R2", id="Patient ID"),
        pytest.param(
            {"PatientID": _nir(keyed=False)}, None, "(0010,0020)", "R3", id="13 digits of the patient's own"
        ),
        pytest.param(
            {"OtherPatientIDs": ["A", _nir()]}, None, "(0010,1000)", "R2", id="one of several values"
        ),
        pytest.param(
            {"PatientComments": f"NIR {_nir()}."}, None, "(0010,4000)", "R2", id="inside a long text"
        ),
        pytest.param(
            {"PatientID": "X", "IssuerOfPatientIDQualifiersSequence": [_item(UniversalEntityID=INS_OID)]},
            None,
            "(0010,0020)",
            "R1",
            id="typed by the issuer's OID",
        ),
        pytest.param(
            {"PatientID": "X", "IssuerOfPatientIDQualifiersSequence": [_item(IdentifierTypeCode="INS-C")]},
            None,
            "(0010,0020)",
            "R1",
            id="typed by the kind of id",
        ),
        pytest.param(
            {"PatientID": f"X^^^&{INS_OID}&ISO"}, None, "(0010,0020)", "R1", id="typed in a glued CX"
        ),
        pytest.param(
            {
                "OtherPatientIDsSequence": [
                    _item(PatientID="A"),
                    _item(PatientID="X", IssuerOfPatientID=INS_OID),
                ]
            },
            None,
            "(0010,1002)[2].(0010,0020)",
            "R1",
            id="typed in Other Patient IDs",
        ),
        pytest.param({}, _private("LO", _nir()), "(0009,1001)", "R2", id="private text"),
        pytest.param(
            {}, _private("UN", _nir().encode() + b" "), "(0009,1001)", "R2", id="private of unknown VR"
        ),
        pytest.param(
            {},
            _private("SQ", [_item(PatientComments=_nir())]),
            "(0009,1001)[1].(0010,4000)",
            "R2",
            id="inside a private sequence",
        ),
        pytest.param(
            {},
            _nested(5, open_ended=False),
            "(0040,0275)[1]." * 5 + "(0032,1060)",
            "R2",
            id="five levels of defined length",
        ),
        pytest.param(
            {},
            _nested(5, open_ended=True),
            "(0040,0275)[1]." * 5 + "(0032,1060)",
            "R2",
            id="five levels of undefined length",
        ),
    ],
)
def test_it_is_emptied_and_the_lengths_around_it_shrink(
    syntax: str, values: dict[str, Any], edit: Any, path: str, rule: str, made: Made
) -> None:
    if syntax == "1.2.840.10008.1.2" and edit is not None and "(0009,1001)[1]" in path:
        path = "(0009,1001)[1].(0010,4000)"
    data = made(syntax=syntax, edit=edit, **values)
    emptied = empty_nirs(data)
    assert emptied.hits == (TagHit(path, rule),)
    assert emptied.tags == (int(path[1:5] + path[6:10], 16),)
    assert len(open_object(data).body) - len(open_object(emptied.data).body) == _size(data, path)
    before, after = (pydicom.dcmread(io.BytesIO(one)) for one in (data, emptied.data))
    assert list(before.keys()) == list(after.keys())
    assert empty_nirs(emptied.data).hits == ()
    body = read_meta(data).body_at
    if syntax != SYNTAXES[3]:
        as_body = empty_nirs(data[body:], syntax)
        assert bytes(as_body.data) == bytes(emptied.data)[body:]


def _size(data: bytes, path: str) -> int:
    (found,) = (one for one in texts(open_object(data)) if one.path == path)
    return found.element.end - found.element.value


@pytest.mark.parametrize(
    ("values", "edit"),
    [
        pytest.param({"StudyInstanceUID": f"1.2.{_nir()}.1"}, None, id="a UID never matches"),
        pytest.param(
            {"PatientID": _nir(keyed=False), "PatientSex": "F"}, None, id="13 digits of another sex"
        ),
        pytest.param({"ContentSequence": [_item(TextValue=_nir())]}, None, id="content of a report"),
        pytest.param({"EncapsulatedDocument": _nir().encode() + b" "}, None, id="an encapsulated document"),
        pytest.param({}, _private("OB", _nir().encode() + b" "), id="binary"),
        pytest.param({"PatientID": "0042"}, None, id="an ordinary id"),
    ],
)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_what_is_not_searched_or_is_none_stays_the_caller_s_own_bytes(
    values: dict[str, Any], edit: Any, syntax: str, made: Made
) -> None:
    if edit is not None and syntax == "1.2.840.10008.1.2":
        return  # without a VR a private value is unknown, so it is searched
    data = made(syntax=syntax, edit=edit, **values)
    emptied = empty_nirs(data)
    assert emptied.data is data
    assert (emptied.hits, emptied.tags) == ((), ())


def test_a_suspect_is_counted_and_stays(made: Made) -> None:
    data = made(PatientID=_nir(year="70", keyed=False))
    emptied = empty_nirs(data)
    assert (emptied.data, emptied.hits, emptied.suspects) == (data, (), (TagHit("(0010,0020)", "R4"),))


def test_a_tag_may_be_exempt(made: Made) -> None:
    data = made(AccessionNumber=_nir())
    assert empty_nirs(data).hits == (TagHit("(0008,0050)", "R2"),)
    assert empty_nirs(data, exempt=frozenset({0x00080050})).hits == ()


@pytest.mark.parametrize(
    ("charset", "value"),
    [
        (b"ISO_IR 192", "".join(chr(ord(digit) + 0xFEE0) for digit in _nir()).encode()),
        (b"ISO_IR 100", _nir()[:1].encode() + b"\xa0" + _nir()[1:].encode()),
    ],
    ids=["full-width digits", "no-break space"],
)
def test_other_characters_for_digits_do_not_hide_it(charset: bytes, value: bytes, made: Made) -> None:
    changes = {
        0x00080005: encode(0x00080005, "CS", charset, EXPLICIT_LITTLE),
        0x00104000: encode(0x00104000, "LT", value, EXPLICIT_LITTLE),
    }
    data = b"".join(splice(open_object(made()), changes))
    assert empty_nirs(data).hits == (TagHit("(0010,4000)", "R2"),)


def test_group_lengths_shrink_with_their_group(made: Made) -> None:
    length = encode(0x00100000, "UL", struct.pack("<I", 100), EXPLICIT_LITTLE)
    data = b"".join(splice(open_object(made(PatientID=_nir())), {0x00100000: length}))
    opened = open_object(empty_nirs(data).data)
    assert opened.value(0x00100000) == struct.pack("<I", 100 - 16)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            b"\xfe\xff\x00\xe0\xf0\0\0\0" + _nir().encode() + b" ", id="an item longer than its sequence"
        ),
        pytest.param(b"not an item: " + _nir().encode(), id="no item at all"),
    ],
)
def test_a_sequence_that_cannot_be_walked_is_searched_as_bytes(content: bytes, made: Made) -> None:
    changes = {0x00091010: encode(0x00091010, "SQ", content, EXPLICIT_LITTLE)}
    data = b"".join(splice(open_object(made()), changes))
    emptied = empty_nirs(data)
    assert emptied.hits == (TagHit("(0009,1010)", "R2"),)
    assert open_object(emptied.data).value(0x00091010) == b""


def test_a_repeated_tag_in_an_item_is_searched_both_times(made: Made) -> None:
    both = encode(0x00104000, "LT", _nir().encode(), EXPLICIT_LITTLE) * 2
    changes = {0x00091010: encode(0x00091010, "SQ", encode_item(both, EXPLICIT_LITTLE), EXPLICIT_LITTLE)}
    data = b"".join(splice(open_object(made()), changes))
    assert len(empty_nirs(data).hits) == 2
    assert _nir().encode() not in empty_nirs(data).data


def test_nesting_beyond_the_cap_is_searched_as_bytes(made: Made) -> None:
    content = encode(0x00104000, "LT", _nir().encode(), IMPLICIT_LITTLE)
    for _ in range(40):
        content = encode(0x00091010, "SQ", encode_item(content, IMPLICIT_LITTLE), IMPLICIT_LITTLE)
    opened = open_object(made(syntax="1.2.840.10008.1.2"))
    data = b"".join(splice(opened, {0x00091010: content}))
    emptied = empty_nirs(data)
    assert len(emptied.hits) == 1
    assert _nir().encode() not in emptied.data


def test_preamble_and_file_meta_are_searched_as_bytes(made: Made) -> None:
    data = _nir().encode() + made()[15:]
    emptied = empty_nirs(data)
    assert emptied.hits == (TagHit("file meta information", "R2"),)
    assert emptied.tags == ()
    assert emptied.data == b" " * 15 + made()[15:]
    assert len(empty_nirs(_nir().encode() + made(PatientID=_nir())[15:]).hits) == 2


def test_every_text_element_of_a_real_object_is_searched(ct: bytes) -> None:
    """A number in each text element of a CT, one after the other: always found, always gone."""
    opened = open_object(ct)
    places = [
        tag for tag, one in opened.elements.items() if one.vr in CHARACTER_VRS and tag not in NOT_SEARCHED
    ]
    assert len(places) > 100
    for tag in places:
        vr = opened.elements[tag].vr
        data = b"".join(splice(opened, {tag: encode(tag, vr, _nir().encode(), EXPLICIT_LITTLE)}))
        emptied = empty_nirs(data)
        assert [hit.field for hit in emptied.hits] == [f"({tag >> 16:04X},{tag & 0xFFFF:04X})"], f"{tag:08X}"
        assert _nir().encode() not in emptied.data


@settings(deadline=None)
@given(
    tag=st.integers(0x0009, 0x7FDF).filter(lambda group: group % 2).map(lambda group: group << 16 | 0x1001),
    vr=st.sampled_from(sorted(CHARACTER_VRS)),
    before=st.text(alphabet="abc ^\\=", max_size=20),
    depth=st.integers(0, 4),
)
def test_a_number_in_any_private_text_at_any_depth_is_emptied(
    tag: int, vr: str, before: str, depth: int, made: Made
) -> None:
    separator = " " if before else ""
    content = encode(tag, vr, f"{before}{separator}{_nir()}".encode(), EXPLICIT_LITTLE)
    for _ in range(depth):
        content = encode(0x00081140, "SQ", encode_item(content, EXPLICIT_LITTLE), EXPLICIT_LITTLE)
    where = 0x00081140 if depth else tag
    data = b"".join(splice(open_object(made()), {where: content}))
    emptied = empty_nirs(data)
    assert len(emptied.hits) == 1
    assert _nir().encode() not in emptied.data


def test_samples_hold_none(samples: dict[str, Path]) -> None:
    """In those that cannot be read long digit runs are taken for some."""
    for name, path in samples.items():
        assert {hit.field for hit in empty_nirs(path.read_bytes()).hits} <= {"unreadable object"}, name


@pytest.mark.parametrize(
    ("tag", "vr"),
    [(0x00100020, "LO"), (0x00090010, "LO"), (0x00091010, "UN"), (0x00081140, "SQ"), (0x000A0001, "UN")],
)
def test_without_a_told_vr_the_dictionary_speaks(tag: int, vr: str) -> None:
    assert vr_of(tag) == vr


def test_an_object_without_numbers_costs_little(ct: bytes) -> None:
    """A guard against an accident (a regular expression over the pixels), not a benchmark."""
    started = time.perf_counter()
    for _ in range(20):
        empty_nirs(ct)
    assert (time.perf_counter() - started) / 20 < 0.05
