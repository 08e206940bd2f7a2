"""Settings are refused rather than ignored, in one sentence, and no password is shown or handed on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from mpi.cli import main
from mpi.settings import ArchiveSettings, Settings

BAD_INPUT = 2
LOCAL = "postgresql://mpi@127.0.0.1/mpi"


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch) -> None:
    """Neither this machine's settings nor its current folder matter."""
    for name in [name for name in os.environ if name.upper().startswith("MPI_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def left(capsys, monkeypatch, *arguments: str) -> tuple[int, str, str]:
    """Runs the console script here: its exit code, what it printed, what it complained about."""
    monkeypatch.setattr(sys, "argv", ["mpi", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"MPI_SETTINGS": "nowhere.toml"}, "MPI_SETTINGS names nowhere.toml"),
        ({"MPI_POPULATON": "2000000"}, "MPI_POPULATON is no setting (MPI_POPULATION?)"),
        ({"mpi_populaton": "2000000"}, "MPI_POPULATON is no setting"),
        ({"MPI_XYZZY": "1"}, "MPI_XYZZY is no setting."),
        ({"MPI_POPULATION__MAIN": "1"}, "MPI_POPULATION__MAIN is no setting"),
        ({"MPI_ARCHIVES": '{"main": {"moed": "pass"}}'}, "archives.main.moed"),
        ({"MPI_ARCHIVES__MAIN__MOED": "pass"}, "archives.main.moed"),
        ({"MPI_ARCHIVES": "{}"}, "archives"),
        (
            {"MPI_ARCHIVES": '{"main": {"driver": "orthanc"}}'},
            "archives.main: the orthanc driver needs a url",
        ),
        ({"MPI_DATABASE_URL": "sqlite:///:memory:"}, "name a file"),
        ({"MPI_DATABASE_URL": "sqlite:///file:x?mode=memory&uri=true"}, "name a file"),
        ({"MPI_DATABASE_URL": "postgresql://u:hunter2@host:abc/db"}, "no address of a database"),
        ({"MPI_DATABASE_URL": "postgresql://u:hunter2@host/db?sslmood=require"}, "no address of a database"),
        ({"MPI_DATABASE_URL": "sqlite:///x.db?timeout=soon"}, "no address of a database"),
        ({"MPI_DATABASE_PASSWORD_FILE": "password"}, "database_password_file"),
        ({"MPI_DATABASE_PASSWORD_FILE": "password", "MPI_DATABASE_URL": "sqlite:///x.db"}, "USER@HOST"),
        (
            {"MPI_DATABASE_PASSWORD_FILE": "password", "MPI_DATABASE_URL": "postgresql://u:hunter2@host/db"},
            "USER@HOST",
        ),
        (
            {"MPI_DATABASE_PASSWORD_FILE": "password", "MPI_DATABASE_URL": "postgresql://host/db"},
            "USER@HOST",
        ),
        ({"MPI_DATABASE_PASSWORD_FILE": "nowhere", "MPI_DATABASE_URL": LOCAL}, "nowhere: No such file"),
    ],
    ids=str,
)
@pytest.mark.parametrize("command", ["authority list", "db check"])
def test_a_setting_that_cannot_be_used_is_one_sentence(
    tmp_path, capsys, monkeypatch, variables, sentence, command
) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code, _, said = left(capsys, monkeypatch, *command.split())
    assert code == BAD_INPUT, said
    assert sentence in said
    assert said.count("\n") == 1
    assert "hunter2" not in said
    assert not (tmp_path / "var").exists(), "nothing was begun"


def test_no_traceback_comes_from_a_process_of_its_own(tmp_path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", "from mpi.cli import main; main()", "all"],
        env={"PATH": os.environ["PATH"], "MPI_DATABASE_URL": "postgresql://u:hunter2@host:abc/db"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr.count("\n")) == (BAD_INPUT, 1)


@pytest.mark.parametrize(
    "url",
    [
        "http://mpi:hunter2@north:8042",
        "http://mpi@north:8042",
        "http://mpi:1/hunter2@north:8042",
        "http://north:8042?token=hunter2",
        "http://north:8042/#hunter2",
        "http://north:eight",
        "ftp://north",
        "north:8042",
        "http://",
    ],
)
def test_an_archive_s_address_carries_no_credentials_as_senders_are_told_it(url) -> None:
    with pytest.raises(ValidationError) as raised:
        ArchiveSettings(driver="orthanc", url=url)
    (error,) = raised.value.errors(include_input=False)
    assert "hunter2" not in error["msg"]
    assert "username and password_file" in error["msg"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8042", "https://north.example/orthanc/", "http://[::1]:8042"]
)
def test_an_archive_s_plain_address_is_taken(url) -> None:
    assert ArchiveSettings(driver="orthanc", url=url).url == url


def test_a_file_of_settings_is_optional_unless_it_is_named(tmp_path, monkeypatch) -> None:
    assert Settings().population == 6_000_000
    (tmp_path / "mpi.toml").write_text("population = 5\n")
    assert Settings().population == 5
    monkeypatch.setenv("MPI_SETTINGS", "")
    assert Settings().population == 6_000_000, "an empty name: no file at all"
    monkeypatch.setenv("MPI_SETTINGS", "nowhere.toml")
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        Settings()


@pytest.mark.parametrize("name", ["MPI_ARCHIVES__MAIN__MODE", "mpi_archives__main__mode"])
def test_a_part_of_an_archive_is_set_by_its_own_variable(monkeypatch, name) -> None:
    monkeypatch.setenv(name, "pass")
    assert Settings().archives["main"].mode == "pass"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://mpi:hunter2@db/mpi", "postgresql://mpi:***@db/mpi"),
        ("postgresql://mpi:hun/hunter2@db/mpi", "postgresql://mpi:***@db/mpi"),
        ("postgresql://mpi@db/mpi?password=hunter2", "postgresql://mpi@db/mpi?password=***"),
        ("postgresql://mpi@db/mpi?sslpassword=hunter2", "postgresql://mpi@db/mpi?sslpassword=***"),
        ("postgresql://mpi@db/mpi?sslmode=require", "postgresql://mpi@db/mpi?sslmode=require"),
        ("postgresql://u:hunter2@host:abc/db", "***"),
        ("sqlite:////srv/mpi.db", "sqlite:////srv/mpi.db"),
    ],
)
def test_settings_show_an_address_without_its_password(capsys, monkeypatch, address, shown) -> None:
    _, printed, _ = left(capsys, monkeypatch, "settings", "--json", "--database-url", address)
    rows = {row["setting"]: row for row in json.loads(printed)}
    assert rows["database_url"]["value"] == shown
    assert "hunter2" not in printed


@pytest.mark.parametrize("password", ["hunter2", "a/b:c@d?e#f%20", "é"])
def test_the_database_s_password_may_lie_in_a_file(tmp_path, capsys, monkeypatch, password) -> None:
    from mpi.store.engine import open_engine

    file = tmp_path / "secret"
    file.write_text(f"{password}\n")
    told = "postgresql://mpi@127.0.0.1:5433/mpi?sslmode=require"
    settings = Settings(database_url=told, database_password_file=file)
    opened = open_engine(settings.url).url
    assert (opened.username, opened.password, opened.host, opened.port) == (
        "mpi",
        password,
        "127.0.0.1",
        5433,
    )
    assert (opened.database, dict(opened.query)) == ("mpi", {"sslmode": "require"})
    monkeypatch.setenv("MPI_DATABASE_PASSWORD_FILE", str(file))
    _, printed, _ = left(capsys, monkeypatch, "settings", "--json", "--database-url", told)
    rows = {row["setting"]: row for row in json.loads(printed)}
    assert rows["database_password_file"]["value"] == str(file)
    assert rows["database_url"]["value"] == told
    assert json.dumps(password) not in printed


def test_what_a_file_of_settings_misspells_is_refused(tmp_path) -> None:
    Path(tmp_path / "mpi.toml").write_text('[archives.north]\nmoed = "pass"\n')
    with pytest.raises(ValidationError, match="moed"):
        Settings()
