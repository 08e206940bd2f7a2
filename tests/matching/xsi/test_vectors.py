"""The conformance run: what is built passes, what is not built says so, and every row can fail."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from matching.xsi.vectors import ROWS, SHIPPED, Document, NotVectors, Result, State, load, run

BUILT = [(row.part, row.covers) for row in ROWS if row.run is not None]


@pytest.fixture
def document() -> Document:
    return load(SHIPPED)


def rows_of(document: Document, part: str) -> list[Result]:
    return [result for result in run(document) if result.part == part]


@pytest.mark.parametrize(("part", "covers"), BUILT)
def test_every_built_row_passes(document: Document, part: str, covers: str) -> None:
    (result,) = (one for one in rows_of(document, part) if one.covers == covers)
    assert (result.state, result.failures) == (State.PASSED, ())
    assert result.checked > 0


def test_rows_without_code_are_called_not_built_and_no_part_is_forgotten(document: Document) -> None:
    results = run(document)
    assert {(one.part, one.covers) for one in results if one.state is State.NOT_BUILT} == {
        (row.part, row.covers) for row in ROWS if row.run is None
    }
    assert len(results) == len(ROWS)  # every part of the file has a row


def test_the_counts_are_those_of_the_file(document: Document) -> None:
    checked = {(one.part): one.checked for one in run(document) if one.state is State.PASSED}
    assert checked["n1"] == len(document["n1"]["accepted"]) + len(document["n1"]["refused"])
    assert checked["refused_records"] == len(document["refused_records"]) == 47
    assert checked["trait_cases"] == len(document["trait_cases"]) == 13
    assert checked["persons"] == 26 * 5  # flags, two families, two A-IDs
    assert checked["nir"] == 6 + 27 + 10


def change(*path: str | int, to: Any) -> Callable[[Document], None]:
    """Sets one value deep in the file."""

    def apply(document: Document) -> None:
        place: Any = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return apply


@pytest.mark.parametrize(
    ("planted", "part", "failure"),
    [
        (change("keys", "hmac", "token_key_NX_hex", to="00"), "keys", "token key NX"),
        (change("n1", "accepted", 3, "letters", to="STRASE"), "n1", "accepted 3"),
        (change("n1", "refused", 0, "code", to="E_EMPTY"), "n1", "refused 0"),
        (change("n1", "refused", 0, "input", to="MARTIN"), "n1", "refused 0"),
        (change("phonex", "on_n1_words", 0, "code", to="X"), "phonex", "on_n1_words 0"),
        (change("persons", 0, "flags", to=["homonym"]), "persons", "P01 flags"),
        (change("persons", 0, "tokens", "A4", 0, "hmac", to="00"), "persons", "P01 A4"),
        (change("persons", 0, "tokens", "A5", 0, "message_hex", to="00"), "persons", "P01 A5"),
        (change("persons", 0, "tokens", "A4", to=[]), "persons", "P01 A4"),
        (change("persons", 0, "aid5_hmac", to="X1P5"), "persons", "P01 A-ID 5"),
        (change("persons", 13, "aid4_hmac", to="X1P4"), "persons", "P14 A-ID 4"),
        (change("persons", 0, "input", "sex", to="X"), "persons", "P01 refused"),
        (change("equal_classes", 1, to=["P06", "P08"]), "equal_classes", "P06 = P08"),
        (change("persons", 6, "input", "sex", to="X"), "equal_classes", "P06 = P07"),
        (change("refused_records", 0, "code", to="E_DATE"), "refused_records", "N01"),
        (change("refused_records", 0, "input", "family", to="PETIT"), "refused_records", "N01"),
        (change("trait_cases", 0, "code", to=None), "trait_cases", "T01"),
        (change("trait_cases", 0, "families", to=["A4", "A5"]), "trait_cases", "T01"),
        (change("trait_cases", 0, "input", "sex", to="X"), "trait_cases", "T01"),
        (change("check_digits", "valid", 0, to="E7K3M8QX2W4TB72"), "check_digits", "valid 0"),
        (change("check_digits", "invalid", 0, "value", to="E7K3M9QX2W4TB72"), "check_digits", "invalid 0"),
        (change("check_digits", "undetected", 0, "valid", to="E"), "check_digits", "undetected 0"),
        (change("check_digits", "typed_forms", 0, "canonical", to="E"), "check_digits", "typed form 0"),
        (change("check_digits", "typed_forms", 0, "typed", to="U"), "check_digits", "(NotAnIdentifier)"),
        (change("nir", "keys", 0, "key", to="00"), "nir", "key 0"),
        (change("nir", "text", 0, "rule", to="R3"), "nir", "I01"),
        (change("nir", "typed", 0, "expect", to="clear"), "nir", "I28"),
        (change("reference_date", to="18990101"), "persons", "P01 refused"),
        (change("reference_date", to="today"), "refused_records", "malformed vectors (ValueError)"),
        (change("nir", to=[]), "nir", "malformed vectors (TypeError)"),
        (change("keys", to={}), "persons", "malformed vectors (KeyError)"),
        (change("trait_cases", to=["T01"]), "trait_cases", "malformed vectors (TypeError)"),
        (change("phonex", "published_14", 0, "word", to=None), "phonex", "malformed vectors"),
        (change("n1", "refused", 0, to={"input": 3, "code": "E_CHAR"}), "n1", "malformed vectors"),
    ],
)
def test_a_planted_fault_fails_its_row_by_name(
    document: Document, planted: Callable[[Document], None], part: str, failure: str
) -> None:
    changed = copy.deepcopy(document)
    planted(changed)
    failed = [one for one in rows_of(changed, part) if one.state is State.FAILED]
    assert len(failed) == 1
    assert any(failure in label for label in failed[0].failures)


@pytest.mark.parametrize("part", sorted({row.part for row in ROWS} - {"keys"}))
def test_a_part_that_is_not_in_the_file_is_missing(document: Document, part: str) -> None:
    del document[part]
    assert {one.state for one in rows_of(document, part)} == {State.MISSING}


def test_a_part_without_vectors_is_missing(document: Document) -> None:
    document["refused_records"] = []
    assert [one.state for one in rows_of(document, "refused_records")] == [State.MISSING]


def test_a_part_that_this_version_does_not_know_is_not_built(document: Document) -> None:
    document["zero_knowledge"] = [1]
    (result,) = rows_of(document, "zero_knowledge")
    assert (result.state, result.covers) == (State.NOT_BUILT, "unknown here")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[]", "not an object"),
        (b"{}", "another kind of file"),
        (json.dumps({"spec": "XSI-1", "normalisation": "N2"}).encode(), "another normalisation"),
    ],
)
def test_what_is_no_conformance_file_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "vectors.json"
    path.write_bytes(content)
    with pytest.raises(NotVectors):
        load(path)


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotVectors, match="No such file"):
        load(tmp_path / "absent.json")
