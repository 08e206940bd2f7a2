"""The golden name and the character-set ladder: right, or not at all."""

from __future__ import annotations

import io
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from mpi.dicom import names, tags
from mpi.dicom.charsets import (
    decode_name,
    decode_text,
    encode_text,
    merged_name,
    plain_ascii,
    same_name,
    terms_of,
)
from mpi.dicom.coercion import coerce
from mpi.dicom.elements import EXPLICIT_LITTLE, encode, encode_item
from mpi.dicom.header import read_header
from mpi.dicom.names import naming
from mpi.dicom.objects import open_object
from mpi.dicom.splice import splice
from mpi.dicom.target import TagPlan, Target

Made = Callable[..., bytes]
PLAN = TagPlan(golden_name=True)
GOLDEN = {
    "Latin": "LEFÈVRE^ANNE-MARIE",
    "Polish": "WAŁĘSA^LECH",
    "Cyrillic": "ТОЛСТОЙ^ЛЕВ",
    "Greek": "ΠΑΠΑΔΟΠΟΥΛΟΥ^ΕΛΕΝΗ",
    "Arabic": "الخوارزمي^محمد",
    "Hebrew": "כהן^שרה",
    "kanji": "Yamada^Hanako=山田^花子",
    "hangul": "Kim^Minsu=김^민수",
    "NFD": unicodedata.normalize("NFD", "BÉRÉNICE^ÉLOÏSE"),
}


def _strings(dataset: Dataset) -> list[str]:
    return [str(one.value) for one in dataset.iterall() if one.VR in {"LO", "SH", "LT", "ST", "UT", "PN"}]


@pytest.mark.parametrize("golden", GOLDEN.values(), ids=GOLDEN.keys())
def test_every_charset_sample_takes_every_name_or_keeps_its_own(
    golden: str, samples: dict[str, Path], target: Target
) -> None:
    for name, path in samples.items():
        if not name.startswith("charset_files/") or "SQEncoding" in name:
            continue
        data = path.read_bytes()
        before = read_header(data)
        result = coerce(data, replace(target, name=golden), PLAN)
        after = read_header(result.tobytes())
        groups = (before.name or "").split("=")
        assert after.name == "=".join([*golden.split("="), *groups[golden.count("=") + 1 :]]).replace(
            golden, unicodedata.normalize("NFC", golden)
        ).rstrip("="), name
        told = pydicom.dcmread(io.BytesIO(result.tobytes()))
        record = told.OriginalAttributesSequence[-1].ModifiedAttributesSequence[0]
        assert str(record.PatientName).rstrip("=") == (before.name or "").rstrip("="), name
        untouched = [
            one for one in _strings(pydicom.dcmread(io.BytesIO(data))) if one not in ("", before.name)
        ]
        assert set(untouched) <= {*_strings(told), before.patient_id or ""}, name


@pytest.mark.parametrize("name", ["chrH31.dcm", "chrJapMulti.dcm", "chrJapMultiExplicitIR6.dcm"])
def test_seven_bit_kanji_are_not_taken_for_ascii(name: str, samples: dict[str, Path]) -> None:
    opened = open_object(samples[f"charset_files/{name}"].read_bytes())
    how = naming(opened, "ТОЛСТОЙ^ЛЕВ", no_utf8=False)
    assert how.note in ("all text was transcoded to ISO_IR 192", "")
    assert how.base is not opened or not how.charset


@pytest.mark.parametrize("golden", ["dupont^jean", "DUPONT^JEAN^^", "Dupônt^Jean", "DUPONT^JEAN="])
def test_the_same_name_is_left_alone(golden: str, made: Made, target: Target) -> None:
    result = coerce(made(), replace(target, name=golden), PLAN)
    assert "PatientName" not in [change.keyword for change in result.changes]


def test_a_golden_name_is_written_only_when_the_plan_says_so(
    made: Made, target: Target, plan: TagPlan
) -> None:
    result = coerce(made(), replace(target, name="MARTIN^ANNE"), plan)
    assert read_header(result.tobytes()).name == "DUPONT^JEAN"


def test_an_ascii_object_is_only_declared_utf_8(made: Made, target: Target) -> None:
    result = coerce(made(), replace(target, name="ТОЛСТОЙ^ЛЕВ"), PLAN)
    after = pydicom.dcmread(io.BytesIO(result.tobytes()))
    assert (result.via, after.SpecificCharacterSet, str(after.PatientName)) == (
        "splice",
        "ISO_IR 192",
        "ТОЛСТОЙ^ЛЕВ",
    )
    record = after.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
    assert "SpecificCharacterSet" in record
    assert ("SpecificCharacterSet", None, "ISO_IR 192") in [
        (change.keyword, change.before, change.after) for change in result.changes
    ]


@pytest.mark.parametrize("behind_the_pixels", [False, True])
def test_one_eight_bit_byte_anywhere_means_transcoding(
    behind_the_pixels: bool, made: Made, target: Target
) -> None:
    text = encode(0x00104000, "LT", b"caf\xe9", EXPLICIT_LITTLE)
    nested = encode(0x00081140, "SQ", encode_item(text, EXPLICIT_LITTLE), EXPLICIT_LITTLE)
    trailer = encode(0x7FE10010, "LO", b"ACME", EXPLICIT_LITTLE)
    changes = {0x7FE10010: trailer, 0x7FE11001: encode(0x7FE11001, "LO", b"caf\xe9", EXPLICIT_LITTLE)}
    opened = open_object(made(SpecificCharacterSet="ISO_IR 100"))
    data = b"".join(splice(opened, changes if behind_the_pixels else {0x00081140: nested}))
    result = coerce(data, replace(target, name="ТОЛСТОЙ^ЛЕВ"), PLAN)
    assert result.via == "pydicom"
    assert "café".encode() in result.tobytes()
    assert "all text was transcoded to ISO_IR 192" in result.notes


def test_transcoding_reaches_items_with_their_own_character_set(made: Made, target: Target) -> None:
    item = Dataset()
    item.SpecificCharacterSet = "ISO_IR 144"
    item.PatientComments = "Москва"
    data = made(SpecificCharacterSet="ISO_IR 100", PatientComments="café", ReferencedImageSequence=[item])
    result = coerce(data + bytes(8), replace(target, name="ΕΛΕΝΗ"), PLAN)
    after = pydicom.dcmread(io.BytesIO(result.tobytes()[:-8]))
    there = after.ReferencedImageSequence[0]
    assert (there.SpecificCharacterSet, there.PatientComments) == ("ISO_IR 192", "Москва")
    assert result.tobytes().endswith(bytes(8))


def _with_old_item(made: Made) -> bytes:
    """An object whose recorded history holds more than ASCII."""
    previous, item = Dataset(), Dataset()
    previous.PatientName = "JÉRÔME"
    item.ModifiedAttributesSequence = [previous]
    return made(SpecificCharacterSet="ISO_IR 100", PatientComments="café", OriginalAttributesSequence=[item])


def _with_replacement(made: Made) -> bytes:
    """Text that does not fit the declared character set."""
    value = encode(0x00104000, "LT", b"caf\xe9", EXPLICIT_LITTLE)
    return b"".join(splice(open_object(made(SpecificCharacterSet="ISO_IR 192")), {0x00104000: value}))


@pytest.mark.parametrize("build", [_with_old_item, _with_replacement])
def test_what_cannot_be_transcoded_keeps_the_sender_s_name(
    build: Callable[[Made], bytes], made: Made, target: Target
) -> None:
    data = build(made)
    golden = "ТОЛСТОЙ^ЛЕВ"
    if build is _with_replacement:  # in UTF-8 the name itself can be said; force the last rung
        assert names._transcoded(open_object(data)) is None
        return
    result = coerce(data, replace(target, name=golden), PLAN)
    assert "the golden name was not written: the object could not be transcoded" in result.notes
    after = pydicom.dcmread(io.BytesIO(result.tobytes()))
    assert str(after.PatientName) == "DUPONT^JEAN"
    assert str(after.OriginalAttributesSequence[0].ModifiedAttributesSequence[0].PatientName) == "JÉRÔME"


def test_a_transcoding_that_pydicom_refuses_is_none(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_object(made(SpecificCharacterSet="ISO_IR 100", PatientComments="café"))

    def refuse(*_: object) -> bytes:
        raise ValueError

    monkeypatch.setattr(names.reread, "write", refuse)
    assert names._transcoded(opened) is None


@pytest.mark.parametrize(
    ("charset", "golden", "written"),
    [
        ("ISO_IR 100", "LEFÈVRE^ANNE", "LEFÈVRE^ANNE"),
        ("ISO_IR 100", "Yamada^Hanako=山田^花子", "Yamada^Hanako"),
        ("ISO_IR 100", "ТОЛСТОЙ^ЛЕВ", "DUPONT^JEAN"),
        (None, "LEFÈVRE^ANNE", "DUPONT^JEAN"),
    ],
)
def test_an_archive_without_utf_8_gets_a_whole_name_or_the_sender_s(
    charset: str | None, golden: str, written: str, made: Made, target: Target
) -> None:
    data = made(SpecificCharacterSet=charset)
    result = coerce(data, replace(target, name=golden), TagPlan(golden_name=True, no_utf8=True))
    after = read_header(result.tobytes())
    assert after.name == written
    assert any("takes no UTF-8" in note for note in result.notes) is (written != golden)


@pytest.mark.parametrize(
    ("edit", "same"),
    [
        (lambda one: None, True),
        (lambda one: setattr(one, "SpecificCharacterSet", "ISO_IR 192"), True),
        (lambda one: setattr(one, "PatientComments", "cafe"), False),
        (lambda one: setattr(one, "Rows", 2), False),
        (lambda one: delattr(one, "Rows"), False),
        (lambda one: one.ReferencedImageSequence.append(Dataset()), False),
        (lambda one: setattr(one.ReferencedImageSequence[0], "PatientComments", "x"), False),
    ],
)
def test_a_transcoding_is_accepted_only_when_every_value_is_equal(
    edit: Callable[[Dataset], None], same: bool
) -> None:
    def build() -> Dataset:
        item, whole = Dataset(), Dataset()
        item.PatientComments = "inner"
        whole.PatientComments, whole.Rows, whole.ReferencedImageSequence = "café", 1, [item]
        return whole

    after = build()
    edit(after)
    assert names._same(build(), after) is same


@pytest.mark.parametrize(
    ("text", "terms", "encoded"),
    [
        ("ABC", ("",), b"ABC"),
        ("É", ("",), None),
        ("É", ("ISO_IR 6",), None),
        ("É", ("ISO_IR 100",), b"\xc9"),
        ("Ł", ("ISO_IR 100",), None),
        ("Ł", ("ISO_IR 101",), b"\xa3"),
        ("Ł", ("ISO_IR 192",), "Ł".encode()),
        ("É", ("", "ISO 2022 IR 100"), b"\x1b-A\xc9"),
        ("É", ("no such term",), None),
        ("ABC", ("ISO_IR 13",), b"ABC"),
        ("A~B", ("ISO_IR 13",), None),
        ("A\\B", ("ISO_IR 13",), None),
        ("ﾔﾏ", ("ISO_IR 13",), b"\xd4\xcf"),
        ("山", ("ISO_IR 13",), None),
        ("王", ("GB18030",), "王".encode("gb18030")),
    ],
)
def test_text_is_encoded_strictly_or_not_at_all(
    text: str, terms: tuple[str, ...], encoded: bytes | None
) -> None:
    assert encode_text(text, terms) == encoded


def test_a_name_returns_to_the_first_set_at_each_delimiter() -> None:
    terms = ("", "ISO 2022 IR 87")
    encoded = encode_text("Yamada^Tarou=山田^太郎", terms, name=True)
    assert encoded is not None
    assert encoded.count(b"\x1b$B") == 2
    assert decode_name(encoded, terms) == "Yamada^Tarou=山田^太郎"


@pytest.mark.parametrize(
    ("value", "terms"),
    [
        (None, ("",)),
        (b"", ("",)),
        (b"ISO_IR 100", ("ISO_IR 100",)),
        (b"ISO-IR 100", ("ISO_IR 100",)),
        (b"ISO 2022 IR 6\\ISO_2022_IR_87 ", ("ISO 2022 IR 6", "ISO 2022 IR 87")),
        (b"\\ISO 2022 IR 87", ("", "ISO 2022 IR 87")),
    ],
)
def test_usual_misspellings_of_terms_are_mended(value: bytes | None, terms: tuple[str, ...]) -> None:
    assert terms_of(value) == terms


def test_unknown_terms_lose_no_byte() -> None:
    assert decode_text(b"caf\xe9 ", ("no such term",)) == "café"
    assert decode_text(b"caf\xe9", ("",)) == "café"


@pytest.mark.parametrize(
    ("parts", "terms", "plain"),
    [
        ([b"ABC"], ("",), True),
        ([b"ABC", b"\xe9"], ("ISO_IR 100",), False),
        ([b"\x1b$B"], ("", "ISO 2022 IR 87"), False),
        ([b"ABC"], ("ISO_IR 13",), False),
        ([], ("", "ISO 2022 IR 13"), False),
    ],
)
def test_plain_ascii_is_seven_bit_without_shifts(
    parts: list[bytes], terms: tuple[str, ...], plain: bool
) -> None:
    assert plain_ascii(parts, terms) is plain


def test_names_are_compared_blind_and_merged_by_group() -> None:
    assert same_name("LEFÈVRE^Anne", unicodedata.normalize("NFD", "lefevre^anne^^"))
    assert not same_name("LEFEVRE^ANNE", "LEFEVRE^ANNA")
    assert merged_name("A^B", "C^D=山^田=や^ま") == "A^B=山^田=や^ま"
    assert merged_name("A^B=山^花", "C^D=山^田") == "A^B=山^花"


def test_no_value_reaches_a_log_or_the_screen(made: Made, tmp_path: Path) -> None:
    """pydicom quotes what it finds wrong; a process that imports mpi.dicom hears none of it."""
    wrong = encode(0x00200052, "UI", b"zzyzx", EXPLICIT_LITTLE)  # no UID; pydicom would quote it
    opened = open_object(made(SpecificCharacterSet="ISO_IR 100", PatientComments="café"))
    (tmp_path / "f").write_bytes(b"".join(splice(opened, {0x00200052: wrong})))
    script = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
from dataclasses import replace
from datetime import UTC, datetime
from mpi.dicom.coercion import coerce
from mpi.dicom.target import QualifiedId, TagPlan, Target
target = Target(patient_id=QualifiedId(value="E1", label="MPI"), received=QualifiedId(value="1"), system="s",
                source="", at=datetime(2026, 1, 1, tzinfo=UTC), name="ТОЛСТОЙ^ЛЕВ")
data = open(sys.argv[1], "rb").read()
print(coerce(data, target, TagPlan(golden_name=True)).notes)
"""
    told = subprocess.run(
        [sys.executable, "-W", "default", "-c", script, str(tmp_path / "f")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "all text was transcoded" in told.stdout
    assert "zzyzx" not in told.stdout + told.stderr


def test_a_signature_over_a_name_breaks_when_the_object_is_transcoded(made: Made, target: Target) -> None:
    parameters, signature = Dataset(), Dataset()
    parameters.MACIDNumber = signature.MACIDNumber = 1
    parameters.DataElementsSigned = [0x00280010]
    data = made(
        SpecificCharacterSet="ISO_IR 100",
        PatientComments="café",
        MACParametersSequence=[parameters],
        DigitalSignaturesSequence=[signature],
    )
    result = coerce(data, replace(target, name="ТОЛСТОЙ^ЛЕВ"), PLAN)
    assert tags.DIGITAL_SIGNATURES not in open_object(result.tobytes()).elements
