"""`mpi xsi`: identifiers, checks and the conformance run, with exit codes; no number that must stay out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from matching.nir import nir_key
from matching.xsi import vectors
from matching.xsi.records import CHECKS
from mpi.cli.xsi import SENTENCES, app

MPI = Path(sys.executable).with_name("mpi")
KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
P01 = {
    "birth_name": "Lefèvre-d'Ormesson",
    "given_names": ["Jean-Noël"],
    "sex": "M",
    "birth_date": "1958-02-28",
    "birth_place": "75116",
}
A4, A5 = "X1P4YYRHQD2XJSP4PM6214VZ59", "X1P5NNP3B1WGW3AD0Q40PAHY67"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, no settings of the machine, and the key of the conformance file."""
    for name in [name for name in os.environ if name.startswith("MPI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    key = tmp_path / "shared.key"
    key.write_text(KEY)
    key.chmod(0o600)


def mpi_xsi(*arguments: str, told: Any = None) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    text = told if isinstance(told, str | bytes | None) else json.dumps(told)
    result = CliRunner().invoke(app, arguments, input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_json_on_standard_input_gives_the_a_ids_of_the_conformance_file() -> None:
    code, out, _ = mpi_xsi("id", "--key-file", "shared.key", told=P01)
    assert (code, out) == (0, f"A4  {A4}\nA5  {A5}\n")


def test_options_give_the_same_and_machines_get_the_strongest_first() -> None:
    options = [
        f"--{name.replace('_', '-')}={value}"
        for name, value in (P01 | {"given_names": "Jean-Noël X"}).items()
    ]
    code, out, _ = mpi_xsi(
        "id", *options, "--multiple-birth=1", "--phone=1;06 39 98 00 12", "--key-file=shared.key", "--json"
    )
    assert code == 0
    assert json.loads(out) == {
        "a_id": A5,
        "a_ids": {"A4": A4, "A5": A5},
        "refusal": None,
        "warnings": [],
        "flags": ["multiple_birth"],
    }


def test_the_default_key_is_made_on_first_run_where_the_service_keeps_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, again = mpi_xsi("id", told=P01), mpi_xsi("id", told=P01)
    assert first == again
    assert Path("var/keys/xsi-P.key").stat().st_mode & 0o777 == 0o600
    mpi_xsi("id", "--data-dir", "other", told=P01)
    assert Path("other/keys/xsi-P.key").exists()
    monkeypatch.setenv("MPI_XSI_KEY_FILE", "shared.key")
    assert A5 in mpi_xsi("id", told=P01)[1]


def test_a_key_file_that_is_named_must_be_there_and_be_private() -> None:
    code, out, err = mpi_xsi("id", "--key-file", "absent.key", told=P01)
    assert (code, out, err) == (2, "", "mpi: absent.key: No such file or directory.\n")
    Path("shared.key").chmod(0o644)
    code, out, err = mpi_xsi("id", "--key-file", "shared.key", told=P01)
    assert (code, out) == (2, "")
    assert "others" in err
    assert KEY not in err


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"status": "OK"}, "E_STATUS"),
        ({"attributes": "HOMA;DOUT"}, "E_ATTR"),
        ({"flags": ["newborn"]}, "E_NEWBORN"),
        ({"birth_name": None}, "E_MISSING"),
        ({"given_names": ""}, "E_MISSING"),
        ({"birth_name": "Иванов"}, "E_CHAR"),
        ({"birth_name": "--"}, "E_EMPTY"),
        ({"birth_name": "A" * 101}, "E_LENGTH"),
        ({"birth_name": "INCONNU"}, "E_PLACEHOLDER"),
        ({"birth_date": "1958-02-30"}, "E_DATE"),
        ({"birth_date": "2999-01-01"}, "E_DATE"),
        ({"sex": "X"}, "E_SEX"),
    ],
)
def test_a_refused_record_gives_its_code_and_exit_code_1(changes: dict[str, Any], refusal: str) -> None:
    code, out, err = mpi_xsi("id", "--key-file", "shared.key", told=P01 | changes)
    assert (code, out, err) == (1, "", f"{refusal}: {SENTENCES[refusal]}\n")
    code, out, err = mpi_xsi("id", "--json", told=P01 | changes)
    assert (code, json.loads(out)["refusal"], json.loads(out)["a_id"], err) == (1, refusal, None, "")
    assert not Path("var").exists()  # nothing to key, no key made


def test_every_code_has_a_sentence() -> None:
    vectors_file = vectors.load(vectors.SHIPPED)
    codes = {one["code"] for part in ("refused_records", "trait_cases") for one in vectors_file[part]} - {
        None
    }
    assert codes == SENTENCES.keys()
    assert len(CHECKS) == 12  # the lines of the table


def test_warnings_are_told_beside_the_a_id() -> None:
    told = P01 | {"family_name": "A/B", "birth_place": "7", "phone": ["1"]}
    code, out, err = mpi_xsi("id", "--key-file", "shared.key", told=told)
    assert (code, out) == (0, f"A4  {A4}\n")
    assert [line.split(":")[0] for line in err.splitlines()] == ["W_USED", "W_COG", "W_PHONE"]


def test_a_record_without_all_strict_traits_has_no_a_id() -> None:
    code, out, _ = mpi_xsi("id", "--key-file", "shared.key", told=P01 | {"sex": "I"})
    assert (code, out) == (0, "No A-ID: the birth name, the sex or a complete birth date is unknown.\n")


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ("", "not one JSON object"),
        ("[]", "not one JSON object"),
        ("{", "not one JSON object"),
        ("[" * 100_000, "not one JSON object"),
        (b"\xff\xfe\xff", "not one JSON object"),
        (" " * 1_000_001, "not one JSON object"),
        ({"birth_name": 3}, "birth_name is not a text"),
        ({"multiple_birth": True}, "multiple_birth is not a text"),
        ({"given_names": {"a": 1}}, "given_names is neither"),
        ({"phone": [1]}, "phone is neither"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(told: Any, sentence: str) -> None:
    code, out, err = mpi_xsi("id", told=told)
    assert (code, out) == (2, "")
    assert sentence in err


def test_a_birth_order_may_be_a_number_and_other_keys_are_left_alone() -> None:
    told = P01 | {
        "multiple_birth": 2,
        "entity_id": 7,
        "city": "PARIS",
        "identifiers": [{"value": "1", "issuer": None}],
    }
    code, out, _ = mpi_xsi("id", "--key-file", "shared.key", "--json", told=told)
    assert (code, json.loads(out)["flags"]) == (0, ["multiple_birth"])


NUMBER = "258027511600" + "0"
KEYED = NUMBER + nir_key(NUMBER)
SPACED = f"{KEYED[0]} {KEYED[1:3]} {KEYED[3:5]} {KEYED[5:7]} {KEYED[7:10]} {KEYED[10:13]} {KEYED[13:]}"


@pytest.mark.parametrize(
    "told",
    [
        P01 | {"birth_name": KEYED},
        P01 | {"given_names": SPACED},
        P01 | {"given_names": ["Jean", SPACED]},
        P01 | {"phone": SPACED},
        P01 | {"city": KEYED},
        P01 | {"identifiers": [{"value": KEYED, "issuer": "X"}]},
        P01 | {"identifiers": [{"value": int(KEYED)}]},
        P01 | {KEYED: "x"},
        P01 | {"address": NUMBER, "sex": "F"},  # without its key, but the record's own
        {"birth_name": int(KEYED)},
    ],
)
def test_a_social_security_number_is_refused_and_never_repeated(told: dict[str, Any]) -> None:
    for arguments in (["id"], ["id", "--json"]):
        code, out, err = mpi_xsi(*arguments, told=told)
        assert code == 1
        assert "E_NIR" in out + err
        assert NUMBER not in out + err
        assert SPACED not in out + err


@pytest.mark.parametrize(
    "arguments",
    [
        ["id", "--birth-name", KEYED, "--given-names", "A", "--birth-date", "1958-02-28"],
        ["id", KEYED],
        ["check", KEYED],
        ["check", SPACED, "--json"],
        ["check", *SPACED.split()],
    ],
)
def test_nor_is_one_given_as_an_argument(arguments: list[str]) -> None:
    code, out, err = mpi_xsi(*arguments)
    assert code in (1, 2)
    assert NUMBER not in (out + err).replace(" ", "")


@pytest.mark.parametrize(
    ("typed", "code", "canonical", "kind"),
    [
        ("e7k3m-9qx2w 4tb72", 0, "E7K3M9QX2W4TB72", "E-ID"),
        (A5, 0, A5, "A-ID"),
        ("E7K3M9QX2W4TB73", 1, None, None),
        ("EU", 1, None, None),
        ("", 1, None, None),
    ],
)
def test_check(typed: str, code: int, canonical: str | None, kind: str | None) -> None:
    got, out, _ = mpi_xsi("check", typed, "--json")
    assert (got, json.loads(out)) == (code, {"valid": code == 0, "identifier": canonical, "kind": kind})
    got, out, _ = mpi_xsi("check", typed)
    expected = f"{canonical}: {kind}, the check digits hold.\n" if canonical else "Not an A-ID or E-ID.\n"
    assert (got, out) == (code, expected)


def test_vectors_lists_what_is_not_built_and_says_so_by_its_exit_code() -> None:
    code, out, _ = mpi_xsi("vectors")
    assert code == 1
    assert out.count("passed") == sum(row.run is not None for row in vectors.ROWS)
    assert out.count("not built yet") == sum(row.run is None for row in vectors.ROWS)
    assert "failed" not in out
    assert mpi_xsi("vectors", "--built-only")[0] == 0


def test_vectors_for_machines() -> None:
    code, out, _ = mpi_xsi("vectors", "--json")
    rows = json.loads(out)["rows"]
    assert code == 1
    assert {row["state"] for row in rows} == {"passed", "not built yet"}
    assert rows[0] == {"part": "keys", "covers": "mode hmac", "state": "passed", "checked": 1, "failures": []}


def test_a_failing_or_missing_part_is_exit_code_1_whatever_is_asked() -> None:
    document = vectors.load(vectors.SHIPPED)
    document["refused_records"][0]["code"] = "E_DATE"
    Path("planted.json").write_text(json.dumps(document))
    code, out, _ = mpi_xsi("vectors", "planted.json", "--built-only")
    assert code == 1
    assert "failed: refused_records: N01" in out
    document = vectors.load(vectors.SHIPPED)
    del document["decisions"]
    Path("planted.json").write_text(json.dumps(document))
    code, out, _ = mpi_xsi("vectors", "planted.json", "--built-only")
    assert code == 1
    assert "missing" in out


def test_a_file_that_is_no_conformance_file_is_bad_input() -> None:
    Path("other.json").write_text("{}")
    code, out, err = mpi_xsi("vectors", "other.json")
    assert (code, out) == (2, "")
    assert "XSI-1" in err


def test_the_installed_command_reads_a_pipe(tmp_path: Path) -> None:
    result = subprocess.run(
        [MPI, "xsi", "id", "--key-file", "shared.key"],
        input=json.dumps(P01).encode(),
        capture_output=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert (result.returncode, result.stdout.decode()) == (0, f"A4  {A4}\nA5  {A5}\n")


def test_at_a_terminal_it_says_what_it_wants_instead_of_waiting(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    try:
        result = subprocess.run(
            [MPI, "xsi", "id"], stdin=theirs, capture_output=True, timeout=60, cwd=tmp_path
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"No traits" in result.stderr
