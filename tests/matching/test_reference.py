"""The reference tables say where they come from, hold folded words only, and are made the same every time."""

from __future__ import annotations

import gzip
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from matching.data import make_reference
from matching.normalise import reference
from matching.normalise.text import _FoldTable, words

TABLES = ("communes.json.gz", "given_names.json", "words.json", "scripts.json")
COMMUNES: list[dict[str, Any]] = [
    {"code": "75056", "type": "commune-actuelle"},
    {"code": "75116", "type": "arrondissement-municipal", "commune": "75056"},
    {"code": "91228", "type": "commune-actuelle", "anciensCodes": ["78182", "91182", "75056"]},
    {"code": "91182", "type": "commune-deleguee", "chefLieu": "91228"},
    {"code": "14999", "type": "commune-associee", "chefLieu": "14000"},
]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_says_its_version_source_and_licence(name: str) -> None:
    content = (files("matching.data") / name).read_bytes()
    table = json.loads(gzip.decompress(content) if name.endswith(".gz") else content)
    assert table["version"]
    assert table["source"]
    assert table["licence"]


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("particles", reference.PARTICLES),
        ("spellings", {*reference.SPELLINGS, *reference.SPELLINGS.values()}),
        ("no name", reference.NO_NAME),
        ("no address", reference.NO_ADDRESS),
        ("provisional given names", reference.PROVISIONAL_GIVEN_NAMES),
        ("diminutives", reference.DIMINUTIVES),
        ("street abbreviations", {*reference.STREET_ABBREVIATIONS, *reference.STREET_ABBREVIATIONS.values()}),
        ("street stop words", reference.STREET_STOP_WORDS),
    ],
)
def test_listed_words_are_folded_or_they_would_never_be_met(name: str, table: set[str]) -> None:
    assert table
    assert [word for word in table if words(word) != (word,)] == [], name


def test_former_codes_lead_to_communes_of_today() -> None:
    assert make_reference.former_codes(COMMUNES) == {"75116": "75056", "78182": "91228", "91182": "91228"}
    assert not set(reference.FORMER_COMMUNES) & set(reference.FORMER_COMMUNES.values())


def test_the_shipped_table_of_communes_knows_the_reorganised_departments() -> None:
    moved = [code for code in reference.FORMER_COMMUNES if code.startswith("78")]
    assert len(moved) >= 78  # Seine-et-Oise, which became six departments
    assert {reference.FORMER_COMMUNES[code][:2] for code in moved} >= {"91", "92", "93", "94", "95"}
    assert all(code.startswith(("91", "92", "93", "94")) for code in reference.REUSED_CODES)


def test_the_table_of_communes_is_made_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "communes.json").write_text(json.dumps(COMMUNES), encoding="utf-8")
    monkeypatch.setattr(make_reference, "OUTPUT", tmp_path / "out.json.gz")
    made = []
    for _ in range(2):
        make_reference.main(tmp_path)
        made.append((tmp_path / "out.json.gz").read_bytes())
    assert made[0] == made[1]
    assert json.loads(gzip.decompress(made[0]))["reused"] == ["91228"]


def test_the_fold_table_stops_growing_and_still_folds() -> None:
    table = _FoldTable(dict.fromkeys(range(57344, 57344 + 20000), ""))
    assert table[ord("é")] == "É"
    assert ord("é") not in table
