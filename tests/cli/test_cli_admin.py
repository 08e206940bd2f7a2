"""Administration from the command line: what it prints, keeps, refuses, and writes to the ledger."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text
from typer.testing import CliRunner

from mpi.cli import app
from mpi.cli.settings import described
from mpi.errors import Conflict, Malformed, NotFound, Unavailable, Unprocessable
from mpi.ledger import entries
from mpi.security.senders import authenticate
from mpi.settings import ArchiveSettings, Settings
from mpi.store.tables import ledger_body
from mpi.store.transaction import Database
from tests.support.databases import url_of

KEY = r"mpi_[0-9a-f]{12}_[A-Za-z0-9_-]{43}"


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch) -> None:
    """Neither this machine's settings nor its current folder matter."""
    monkeypatch.setenv("MPI_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, code: int = 0) -> str:
    """What the command printed; its error is raised as the console script would see it."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


def opened(tmp_path) -> Database:
    return Database.open(f"sqlite:///{tmp_path / 'var' / 'mpi.db'}")


def test_a_first_use_makes_a_database_that_only_its_owner_can_enter(tmp_path) -> None:
    run("authority", "add", "HOPITAL-A")
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "var" / "mpi.db").stat().st_mode & 0o777 == 0o600
    assert run("db", "check") == "All is well.\n"


def test_an_authority_is_declared_and_listed() -> None:
    run("authority", "add", "HOPITAL-A", "--oid", "1.2.250.1.999.1", "--label", "CHU A", "--sends-status")
    run("authority", "add", "HOPITAL-B", "--certified")
    assert json.loads(run("authority", "list", "--json")) == [
        {
            "authority": "HOPITAL-A",
            "label": "CHU A",
            "oid": "1.2.250.1.999.1",
            "sends_status": True,
            "certified": False,
        },
        {
            "authority": "HOPITAL-B",
            "label": "HOPITAL-B",
            "oid": None,
            "sends_status": False,
            "certified": True,
        },
    ]
    assert re.search(r"HOPITAL-A .* CHU A .* 1\.2\.250\.1\.999\.1 .* yes .* no", run("authority", "list"))


def test_the_api_key_of_a_sender_is_printed_once_and_works(tmp_path) -> None:
    run("authority", "add", "HOPITAL-A")
    printed = run("sender", "add", "pacs-a", "--authority", "HOPITAL-A", "--ae", "PACS_A")
    (key,) = re.findall(KEY, printed)
    actor = authenticate(opened(tmp_path), key, at=datetime.now(UTC))
    assert (actor.actor_id, actor.authorities) == ("sender:pacs-a", {"HOPITAL-A"})
    for listed in (run("sender", "list"), run("sender", "list", "--json")):
        assert key[:16] in listed
        assert key.split("_", 2)[2] not in listed
    assert key.split("_", 2)[2].encode() not in (tmp_path / "var" / "mpi.db").read_bytes()


def test_a_sender_may_have_other_rights_and_an_end() -> None:
    run("authority", "add", "HOPITAL-A")
    run("sender", "add", "desk", "--authority", "HOPITAL-A", "--role", "reader", "--expires", "2027-01-01")
    (desk,) = json.loads(run("sender", "list", "--json"))
    assert (desk["roles"], desk["expires"], desk["revoked"]) == (
        ["reader"],
        "2027-01-01T00:00:00+00:00",
        None,
    )


def test_a_rotated_key_replaces_the_old_one_and_a_revoked_sender_has_none(tmp_path) -> None:
    run("authority", "add", "HOPITAL-A")
    old = json.loads(run("sender", "add", "pacs-a", "--authority", "HOPITAL-A", "--json"))["key"]
    new = json.loads(run("sender", "rotate", "pacs-a", "--json"))["key"]
    db = opened(tmp_path)
    with pytest.raises(Exception, match="not known"):
        authenticate(db, old, at=datetime.now(UTC))
    assert authenticate(db, new, at=datetime.now(UTC))
    assert json.loads(run("sender", "revoke", "pacs-a", "--json")) == {"sender": "pacs-a", "revoked": True}
    with pytest.raises(Exception, match="not known"):
        authenticate(db, new, at=datetime.now(UTC))


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ([], "2127-01-01"),
        (["--expires", "2126-01-01"], "2126-01-01"),
        (["--expires", "2128-01-01"], "2128-01-01"),
    ],
)
def test_a_rotated_key_ends_when_the_old_one_would_have_unless_told(tmp_path, told, kept) -> None:
    run("authority", "add", "HOPITAL-A")
    run("sender", "add", "pacs-a", "--authority", "HOPITAL-A", "--expires", "2127-01-01")
    run("sender", "rotate", "pacs-a", *told)
    (sender,) = json.loads(run("sender", "list", "--json"))
    assert sender["expires"] == f"{kept}T00:00:00+00:00"
    with opened(tmp_path).read() as tx:
        bodies = tx.execute(select(ledger_body.c.body).order_by(ledger_body.c.position)).scalars().all()
    assert json.loads(bodies[-1])["after"]["expires_at"].startswith(kept), "the ledger says when it ends"


def test_a_key_without_an_end_is_given_one_when_told() -> None:
    run("authority", "add", "HOPITAL-A")
    run("sender", "add", "pacs-a", "--authority", "HOPITAL-A")
    run("sender", "rotate", "pacs-a")
    assert json.loads(run("sender", "list", "--json"))[0]["expires"] is None
    run("sender", "rotate", "pacs-a", "--expires", "2127-01-01")
    assert json.loads(run("sender", "list", "--json"))[0]["expires"] == "2127-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    "arguments", [["add", "pacs-b", "--authority", "HOPITAL-A"], ["rotate", "pacs-a"]], ids=str
)
def test_a_key_that_would_have_ended_already_is_refused(arguments) -> None:
    run("authority", "add", "HOPITAL-A")
    run("sender", "add", "pacs-a", "--authority", "HOPITAL-A")
    with pytest.raises(Unprocessable, match="past"):
        run("sender", *arguments, "--expires", "2020-01-01")
    assert [one["expires"] for one in json.loads(run("sender", "list", "--json"))] == [None]


def test_every_change_has_a_ledger_entry_without_a_key(tmp_path) -> None:
    run("authority", "add", "HOPITAL-A")
    first = run("sender", "add", "pacs-a", "--authority", "HOPITAL-A")
    second = run("sender", "rotate", "pacs-a")
    run("sender", "revoke", "pacs-a")
    with opened(tmp_path).read() as tx:
        bodies = tx.execute(select(ledger_body.c.body).order_by(ledger_body.c.position)).scalars().all()
        assert list(entries.check(tx)) == []
    assert [json.loads(body)["action"] for body in bodies] == [
        "add authority",
        "add sender",
        "rotate key",
        "revoke sender",
    ]
    assert {json.loads(body)["actor"]["actor_id"] for body in bodies} == {"system:command-line"}
    for key in re.findall(KEY, first + second):
        assert not any(key.split("_", 2)[2] in body for body in bodies)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["authority", "add", "HOPITAL-A"], Conflict),
        (["sender", "add", "x", "--authority", "NOWHERE"], NotFound),
        (["sender", "rotate", "nobody"], NotFound),
        (["sender", "revoke", "nobody"], NotFound),
        (["db", "restore", "missing.db"], Malformed),
        (["db", "backup", "copy.db", "--database-url", "postgresql://x@127.0.0.1:1/x"], Unavailable),
        (["authority", "list", "--database-url", "postgresql://x@127.0.0.1:1/x"], Unavailable),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_said(arguments, error, tmp_path) -> None:
    run("authority", "add", "HOPITAL-A")
    with pytest.raises(error):
        run(*arguments)
    with opened(tmp_path).read() as tx:
        assert tx.execute(text("SELECT size FROM ledger_head")).scalar_one() == 1, "nothing half done"


@pytest.mark.parametrize("arguments", [["sender", "add", "x"], ["authority", "add"], ["db", "backup"]])
def test_a_missing_argument_is_bad_usage(arguments) -> None:
    run(*arguments, code=2)


def test_the_database_is_upgraded_checked_copied_and_restored(tmp_path) -> None:
    assert "There is no database" in run("db", "check", code=1)
    assert "revision" in json.loads(run("db", "upgrade", "--json"))
    run("authority", "add", "HOPITAL-A")
    assert json.loads(run("db", "backup", "copy.db", "--json"))["bytes"] > 0
    other = ["--data-dir", tmp_path / "restored"]
    assert json.loads(run("db", "restore", "copy.db", "--json", *other)) == {
        "file": "copy.db",
        "ok": True,
        "found": [],
    }
    assert "HOPITAL-A" in run("authority", "list", *other)
    assert json.loads(run("db", "check", "--json", *other)) == {"ok": True, "found": []}


def test_a_check_that_finds_something_says_what_and_exits_with_1(tmp_path) -> None:
    run("authority", "add", "HOPITAL-A")
    with opened(tmp_path).write() as tx:
        tx.execute(text("DROP TRIGGER ledger_body_no_update"))
        tx.execute(text("UPDATE ledger_body SET body = '{}'"))
    assert run("db", "check", code=1).splitlines() == [
        "The guard ledger_body_no_update of append-only rows is missing.",
        "The ledger entry at position 0 is not what was committed to.",
    ]
    run("db", "backup", "copy.db")
    with opened(tmp_path).write() as tx:
        tx.execute(text("DROP TABLE nir_count"))
    run("db", "backup", "spoilt.db")
    assert "nir_count is missing" in run("db", "restore", "spoilt.db", "--data-dir", tmp_path / "r", code=1)


@pytest.mark.needs("postgresql")
def test_postgresql_is_upgraded_by_hand_before_use(cluster, postgresql_db) -> None:
    name = cluster.create()
    blank = ["--database-url", cluster.url(name)]
    with pytest.raises(Unavailable, match="mpi db upgrade"):
        run("authority", "list", *blank)
    run("db", "upgrade", *blank)
    run("authority", "add", "HOPITAL-A", *blank)
    assert "HOPITAL-A" in run("authority", "list", *blank)
    cluster.drop(name)
    assert run("db", "check", "--database-url", url_of(postgresql_db)) == "All is well.\n"


def test_settings_name_every_setting_with_its_sentence_default_and_source(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MPI_POPULATION", "2000000")
    monkeypatch.setenv("MPI_DATABASE_URL", "postgresql://mpi:hunter2@db.example/mpi")
    monkeypatch.setenv("mpi_ae_title", "INDEX")
    (tmp_path / "mpi.toml").write_text(
        'issuer_label = "REGION"\n[archives.north]\ndriver = "orthanc"\nurl = "http://north:8042"\n'
    )
    printed = run("settings", "--json", "--data-dir", tmp_path / "elsewhere")
    rows = {row["setting"]: row for row in json.loads(printed)}
    assert set(Settings.model_fields) - {"archives"} <= set(rows)
    assert {f"archives.north.{name}" for name in ArchiveSettings.model_fields} <= set(rows)
    assert all(row["sentence"] for row in rows.values())
    assert {
        name: (rows[name]["value"], rows[name]["source"])
        for name in ("population", "issuer_label", "ae_title", "policy", "data_dir", "archives.north.driver")
    } == {
        "population": (2_000_000, "environment MPI_POPULATION"),
        "issuer_label": ("REGION", "file mpi.toml"),
        "ae_title": ("INDEX", "environment MPI_AE_TITLE"),
        "policy": ("no-nir", "default"),
        "data_dir": (str(tmp_path / "elsewhere"), "command line"),
        "archives.north.driver": ("orthanc", "file mpi.toml"),
    }
    assert rows["population"]["default"] == 6_000_000
    assert rows["database_url"]["value"] == "postgresql://mpi:***@db.example/mpi"
    assert rows["archives.north.url"]["value"] == "http://north:8042"
    assert "hunter2" not in printed + run("settings")


def test_settings_in_a_file_that_is_named_say_so(tmp_path, monkeypatch) -> None:
    file = tmp_path / "other.toml"
    file.write_text("population = 70000000\n")
    monkeypatch.setenv("MPI_SETTINGS", str(file))
    rows = {row["setting"]: row for row in json.loads(run("settings", "--json"))}
    assert rows["population"]["value"] == 70_000_000
    assert rows["population"]["source"] == f"file {file}"


def test_a_part_of_a_setting_in_the_environment_names_its_variable() -> None:
    rows = {
        row["setting"]: row["source"]
        for row in described(
            Settings(archives={"main": ArchiveSettings(no_utf8=True)}),
            {},
            {"MPI_ARCHIVES__MAIN__NO_UTF8": "1"},
            {},
            "mpi.toml",
        )
    }
    assert rows["archives.main.no_utf8"] == "environment MPI_ARCHIVES"
    assert rows["archives.main.mode"] == "default"
