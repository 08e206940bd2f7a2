"""The generated population: what a seed promises, what the hard cases are, what the files hold."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from matching.nir import find_nir
from matching.normalise import normalise
from matching.population import __main__ as command
from matching.population import compile_vocabulary, frame, generate, raw_records
from matching.population.errors import default_date, misspelt, mistyped_digits, wrong_date
from matching.population.sites import COLUMNS, HARD_CASES
from matching.population.typed import TWIN_NAMES
from matching.population.vocabulary import FILE, Urn, vocabulary

N = 12_000


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return pd.DataFrame(generate(N, seed=1))


def of_case(people: pd.DataFrame, case: str) -> pd.DataFrame:
    return people[[case in cases.split(";") for cases in people["hard_case"]]]


def test_a_seed_says_everything() -> None:
    one, again, other = (generate(2_000, seed=seed) for seed in (5, 5, 6))
    assert all((one[name] == again[name]).all() for name in one)
    assert not all((one[name] == other[name]).all() for name in one)


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_as_many_records_as_asked_for(n: int) -> None:
    assert len(generate(n, seed=1)["record_id"]) == n


def test_the_columns_are_the_public_schema_with_truth(people: pd.DataFrame) -> None:
    assert tuple(people.columns) == (*COLUMNS, "hard_case")
    assert people["record_id"].is_unique
    assert not people.duplicated(["authority", "local_id"]).any()


def test_every_hard_case_occurs(people: pd.DataFrame) -> None:
    found = Counter(case for cases in people["hard_case"] for case in cases.split(";") if case)
    assert set(HARD_CASES) - set(found) <= {"native_script"}  # rare: about one record in ten thousand


def test_some_people_have_several_records_and_most_have_one(people: pd.DataFrame) -> None:
    records = people["entity_id"].value_counts()
    assert 0.6 < (records == 1).mean() < 0.9
    assert records.max() >= 4


def test_names_follow_published_frequencies(people: pd.DataFrame) -> None:
    """MARTIN heads INSEE's list with 0.37 % of births; JEAN and MARIE lead among given names."""
    words = vocabulary()
    shares = np.diff(words.family.cumulative, prepend=0.0) / words.family.cumulative[-1]
    assert words.family.values[0] == "MARTIN"
    assert 0.003 < shares[0] < 0.004
    first = Counter(names.upper().split()[0] for names in people["given_names"] if names)
    assert {"JEAN", "MARIE"} <= {name for name, _ in first.most_common(6)}


def test_twins_share_all_but_the_given_name(people: pd.DataFrame) -> None:
    found = of_case(people, "twin")
    families = defaultdict(set)
    for row in found[found["birth_name"] != ""].itertuples():
        families[row.birth_date, row.birth_name.upper(), row.birth_place].add(row.entity_id)
    pairs = [people for people in families.values() if len(people) == 2]
    assert len(pairs) > 20
    for one, other in pairs:
        names = [set(found[found["entity_id"] == twin]["given_names"].str.upper()) for twin in (one, other)]
        assert names[0] != names[1]
    assert {"1", "2"} <= set(found["multiple_birth"])


def test_homonyms_are_born_on_one_day_and_mostly_in_two_places(people: pd.DataFrame) -> None:
    found = of_case(people, "homonym")
    found = found[(found["birth_name"] != "") & (found["birth_date"] != "")]
    days = found.groupby("birth_date")
    shared = [group for _, group in days if group["entity_id"].nunique() == 2]
    assert shared
    places = [set(group["birth_place"]) - {""} for group in shared]
    assert sum(len(found) > 1 for found in places) >= sum(len(found) == 1 for found in places) / 2


def test_namesakes_are_a_generation_apart(people: pd.DataFrame) -> None:
    found = of_case(people, "namesake")
    found = found[[len(told) == 10 for told in found["birth_date"]]]
    years: dict[str, set[int]] = defaultdict(set)
    for row in found.itertuples():
        years[f"{row.birth_name} {row.given_names.split(' ')[0]}".upper()].add(int(row.birth_date[:4]))
    assert any(max(told) - min(told) >= 19 for told in years.values())


def test_a_marriage_changes_the_name_in_use_and_keeps_the_birth_name(people: pd.DataFrame) -> None:
    found = of_case(people, "married")
    two = found[(found["birth_name"] != "") & (found["family_name"] != "")]
    assert (two["birth_name"].str.upper() != two["family_name"].str.upper()).sum() > 100


def test_provisional_names_are_flagged(people: pd.DataFrame) -> None:
    found = of_case(people, "provisional_name")
    assert len(found)
    assert set(found["flags"]) == {"newborn"}
    assert all(name.upper().startswith(("BEBE", "FILLE", "GARCON")) for name in found["given_names"])


def test_dates_told_are_dates_or_parts_of_one(people: pd.DataFrame) -> None:
    for told in people["birth_date"]:
        if len(told) == 10:
            date.fromisoformat(told)
        else:
            assert len(told) in (0, 4, 7)


def test_no_social_security_number_is_generated(people: pd.DataFrame) -> None:
    for column in ("local_id", "phone", "identifiers"):
        assert not any(find_nir(told, kind="identifier") for told in people[column])


def test_records_of_the_population_are_raw_records(people: pd.DataFrame) -> None:
    raws = list(raw_records(generate(500, seed=1)))
    assert len(raws) == 500
    assert all(raw.given_names and raw.authority and raw.local_id for raw in raws)
    assert any(raw.identifiers for raw in raws)
    assert any(len(raw.phone) == 2 for raw in raws)
    known = [normalise(raw) for raw in raws]
    assert sum(record.birth_date is not None for record in known) > 480


@pytest.mark.parametrize("name", ["A", "DUPONT", "LEFEVRE", "MARIE CLAIRE", "OUATTARA", "QZX", "ÉLODIE"])
def test_a_misspelt_name_is_near_and_never_empty(name: str) -> None:
    rng = np.random.default_rng(1)
    slips = {misspelt(rng, name) for _ in range(200)}
    assert all(slip and abs(len(slip) - len(name)) <= 2 for slip in slips)
    assert slips == {name} if len(name) == 1 else len(slips) > 3


@pytest.mark.parametrize("told", ["1958-02-28", "2000-02-29", "1999-12-31", "1970-01-31", "1985-05-05"])
def test_wrong_and_default_dates_are_dates(told: str) -> None:
    rng = np.random.default_rng(1)
    wrong = {wrong_date(rng, told) for _ in range(300)}
    assert all(date.fromisoformat(day) for day in wrong)
    assert len(wrong) > 5
    default = {default_date(rng, told) for _ in range(100)}
    assert default == {f"{told[:4]}-01-01", f"{told[:4]}-12-31", f"{told[:7]}-01"}


def test_mistyped_digits_stay_digits() -> None:
    rng = np.random.default_rng(1)
    assert all(len(mistyped_digits(rng, "0612345678")) == 10 for _ in range(50))


def test_an_urn_refuses_values_without_shares() -> None:
    with pytest.raises(ValueError, match="2 values and 1 shares"):
        Urn.of(["a", "b"], [1])


def test_a_commune_has_its_neighbours_in_its_departement() -> None:
    communes = vocabulary().communes
    rng = np.random.default_rng(1)
    some = communes.urn.draw(rng, 500)
    near = communes.neighbours(rng, some)
    assert (communes.departement[near] == communes.departement[some]).all()


def test_twins_of_one_sound_are_no_twins() -> None:
    """Nobody could tell such twins apart by their names: they are no fair test."""
    assert all(len(pair) == 2 and pair[0] != pair[1] for pairs in TWIN_NAMES.values() for pair in pairs)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_command_writes_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    out = tmp_path / f"people.{suffix}"
    monkeypatch.setattr("sys.argv", ["population", "--n", "300", "--seed", "4", "--out", str(out)])
    command.main()
    told = pd.read_csv(out, dtype=str) if suffix == "csv" else pd.read_parquet(out)
    expected = frame(300, seed=4)
    assert told["birth_name"].fillna("").tolist() == expected["birth_name"].fillna("").tolist()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(["--n", "0", "--out", "x.csv"], "at least 1"), (["--n", "1", "--out", "x.txt"], "must end in")],
)
def test_the_command_refuses(
    arguments: list[str], why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["population", *arguments])
    with pytest.raises(SystemExit):
        command.main()
    assert why in capsys.readouterr().err


# ---------------------------------------------------------------- the words it draws from


def _commune(code: str, inhabitants: int, kind: str = "commune-actuelle", **more: Any) -> dict[str, Any]:
    return {
        "code": code,
        "nom": f"Commune {code}",
        "region": "84",
        "type": kind,
        "codesPostaux": [code],
        "population": inhabitants,
        **more,
    }


def _archive(path: Path, communes: list[dict[str, Any]] | None) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        text = json.dumps(communes or []).encode()
        member = tarfile.TarInfo("package/data/communes.json")
        if communes is None:
            member.name, member.type = member.name, tarfile.DIRTYPE
        member.size = len(text) if communes is not None else 0
        tar.addfile(member, io.BytesIO(text) if communes is not None else None)
    return path


def test_the_shipped_words_are_what_their_script_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names come from installed packages; the communes here are a few, the shipped ones of an archive."""
    communes = [
        _commune("01004", 15_934),
        _commune("01005", 1_999),
        _commune("75056", 2_103_778),
        _commune("75101", 15_114, "arrondissement-municipal", nom="Paris 1er Arrondissement"),
        {"code": "01099", "nom": "Merged", "type": "commune-deleguee", "chefLieu": "01004"},
        {"code": "01098", "nom": "Elsewhere", "type": "commune-deleguee", "chefLieu": "01005"},
    ]
    archive = _archive(tmp_path / "communes.tgz", communes)
    monkeypatch.setattr("sys.argv", ["compile", "--communes", str(archive), "--out", str(tmp_path)])
    compile_vocabulary.main()
    shipped = json.loads(gzip.decompress(FILE.read_bytes()))
    made = json.loads(gzip.decompress((tmp_path / FILE.name).read_bytes()))
    assert (made["family"], made["given"]) == (shipped["family"], shipped["given"])
    assert [row[:2] for row in made["communes"]] == [["01004", "Commune 01004"], ["75101", "Paris"]]
    assert made["former_communes"] == {"01099": "01004"}
    usual = "usual-given-names.json"
    assert (tmp_path / usual).read_bytes() == (FILE.parent / usual).read_bytes()
    assert all(source["licence"] for source in shipped["sources"])


def test_an_archive_without_communes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no"):
        compile_vocabulary.communes(_archive(tmp_path / "empty.tgz", None))


@pytest.mark.parametrize("leading", [0.1, 0.02])
def test_given_names_thin_out_from_the_leading_one(leading: float) -> None:
    shares = compile_vocabulary.mandelbrot(1_000, leading)
    assert shares[0] == pytest.approx(leading * compile_vocabulary.UNIT, rel=0.001)
    assert shares == sorted(shares, reverse=True)
