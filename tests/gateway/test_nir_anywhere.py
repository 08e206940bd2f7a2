"""Property: a number in any text element, at any depth, however written, whole or cut, is kept nowhere.

Numbers are fictitious: the order number 000 is given to nobody.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from matching.nir import nir_key
from mpi.dicom.elements import EXPLICIT_LITTLE, encode, encode_item
from mpi.dicom.objects import open_object
from mpi.dicom.part10 import read_meta
from mpi.dicom.splice import splice
from mpi.dicom.texts import texts
from mpi.gateway.answers import Answer
from mpi.gateway.reading import Incoming
from tests.gateway.samples import tiny_object
from tests.gateway.stage import staged
from tests.matching.test_nir import grouped

CHARACTER_SET, BIRTH_DATE, REQUESTS = 0x00080005, 0x00100030, 0x00400275
SAMPLE = open_object(tiny_object(SpecificCharacterSet="ISO_IR 192"))
PLACES = [(one.element.tag, one.vr) for one in texts(SAMPLE) if not one.top]
PLACES += [(0x00091001, vr) for vr in ("UN", "UN", "UT", "UC", "LO", "ST", "UR")]
WIDE = {ord("0") + digit: ord("０") + digit for digit in range(10)}
PLAIN = st.sampled_from(["", " ", ".", "-"])
MARKS = PLAIN | st.sampled_from(["\u00a0", "\u202f", "–", "\u2011"])


class Planted(NamedTuple):
    """An object with a number: the data set, where the number ends, and what must be found nowhere."""

    body: bytes
    end: int
    needles: tuple[bytes, ...]


@st.composite
def planted(draw: st.DrawFn) -> Planted:
    """A number of the sample's own patient (a woman of February 1958), so that 13 characters suffice."""
    tag, vr = draw(st.sampled_from(PLACES))
    department = draw(st.sampled_from(["75", "13", "2A", "2B", "99"]))
    number = f"25802{department}{draw(st.integers(1, 999)):03d}000"
    if tag == BIRTH_DATE or draw(st.booleans()):  # without a birth date only a key tells
        number += nir_key(number)
    told = tag != CHARACTER_SET  # else nobody says how to read what is not ASCII
    written = grouped(number, draw(MARKS if told else PLAIN))
    if draw(st.booleans()):
        written = written.lower()
    if told and draw(st.booleans()):
        written = written.translate(WIDE)
    before = draw(
        st.sampled_from(["", "NIR", "SS ", "LEFEVRE^", "SALLE 7" + " " * 34, "né\\"] if told else [""])
    )
    value = f"{before}{written}{draw(st.sampled_from(['', ' ', '^X', ' ; 3']))}".encode()
    element = encode(tag, vr, value, EXPLICIT_LITTLE)
    depth = draw(st.integers(0, 4))
    for _ in range(depth):
        element = encode(REQUESTS, "SQ", encode_item(element, EXPLICIT_LITTLE), EXPLICIT_LITTLE)
    sample = open_object(tiny_object(SpecificCharacterSet="ISO_IR 192"))
    data = b"".join(splice(sample, {REQUESTS if depth else tag: element}))
    body = data[read_meta(data).body_at :]
    needle = written.encode()
    flat = unicodedata.normalize("NFKC", written).encode()
    return Planted(
        body, body.index(needle) + len(needle), (needle, flat, number.encode(), number[:13].encode())
    )


@contextmanager
def logged() -> Iterator[list[str]]:
    """Everything that is logged, at any level."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


@settings(max_examples=4, deadline=None, phases=[Phase.reuse, Phase.generate])  # shrinking takes minutes
@given(st.lists(st.tuples(planted(), st.floats(0, 1)), min_size=25, max_size=30))
def test_a_number_anywhere_is_kept_nowhere(objects: list[tuple[Planted, float]]) -> None:
    needles = {needle for one, _ in objects for needle in one.needles}
    with TemporaryDirectory() as name:
        folder = Path(name)
        with logged() as lines, staged(folder) as stage:
            for one, where in objects:
                cut = one.end + int(where * (len(one.body) - 1 - one.end))
                for body in (one.body, one.body[:cut]):
                    answer = stage.gateway.reception.take(
                        Incoming(
                            data=body,
                            door="dimse",
                            archive="main",
                            transfer_syntax="1.2.840.10008.1.2.1",
                            calling_ae="CT1",
                            peer="127.0.0.1",
                        )
                    )
                    assert answer not in (Answer.FAILED, Answer.NO_ROOM)
            assert stage.gateway.drain(30)
            assert stage.rows("stored")
            assert stage.rows("quarantined")
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert {path.relative_to(folder).parts[0] for path in files} >= {"mpi.db", "spool"}
        held = {
            str(path.relative_to(folder))
            for path in files
            if any(one in path.read_bytes() for one in needles)
        }
        assert held == set()
        told = "\n".join(lines).encode()
        assert [needle for needle in needles if needle in told] == []
