"""`mpi spool`: an operator sees what waits, why, and lets it go on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid
from typer.testing import CliRunner

from mpi.cli import app
from mpi.cli.spool import app as spool
from mpi.errors import Conflict, NotFound
from mpi.flows import instances
from mpi.store.tables import ledger_body
from tests.gateway.samples import tiny_object
from tests.gateway.stage import staged


def run(folder: Path, *arguments: str) -> Any:
    """What a command printed as JSON; its error is raised as the console script would see it."""
    result = CliRunner().invoke(spool, [*arguments, "--data-dir", str(folder), "--json"])
    if result.exception is not None:
        raise result.exception
    return json.loads(result.output)


def test_what_waits_is_listed_counted_and_let_go(tmp_path: Path) -> None:
    study = {"StudyInstanceUID": generate_uid()}
    with staged(tmp_path) as stage:
        stage.send(tiny_object(PatientID="A1", **study))
        stage.send(tiny_object(PatientID="A2", PatientName="KERVADEC^JEAN", **study))
        stage.send(tiny_object(IssuerOfPatientID="HOPB"))
        assert stage.gateway.drain(10)
    listed = run(tmp_path, "list")
    assert [(row["state"], row["reason"], row["calling_ae"]) for row in listed] == [
        ("held", "study-of-another-patient", "CT1"),
        ("quarantined", "not-allowed", "CT1"),
    ]
    assert "KERVADEC" not in json.dumps(listed)
    assert "A2" not in [value for row in listed for value in row.values()], "no patient's id"
    assert len(run(tmp_path, "list", "--limit", "1")) == 1
    assert run(tmp_path, "counts") == {"held": 1, "quarantined": 1, "stored": 1}

    held, refused = (row["instance_id"] for row in listed)
    with pytest.raises(Conflict):
        run(tmp_path, "release", held, refused, "--reason", "both")
    assert run(tmp_path, "counts")["held"] == 1, "all or none"
    with pytest.raises(NotFound):
        run(tmp_path, "release", "nothing", "--reason", "a slip")
    assert run(tmp_path, "release", held, "--reason", "wrong patient open") == {"released": [held]}
    with staged(tmp_path) as stage:
        assert any(
            '"release object"' in row["body"] and "wrong patient open" in row["body"]
            for row in stage.table(ledger_body)
        )
        for _ in range(100):
            if run(tmp_path, "counts").get("stored") == 2:
                break
            stage.gateway.drain(0.05)
        assert run(tmp_path, "counts") == {"quarantined": 1, "stored": 2}


def test_what_was_put_aside_is_deleted_when_an_operator_gives_it_up(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        stage.send(tiny_object(), tiny_object(StudyInstanceUID=None))
        assert stage.gateway.drain(10)
        for _ in range(200):
            if run(tmp_path, "counts") == {"quarantined": 1, "stored": 1}:
                break
            time.sleep(0.05)
        (listed,) = run(tmp_path, "list")
        name = listed["instance_id"]
        assert stage.gateway.spool.holds(name, shelf="quarantine")
        (good,) = stage.rows("stored")
        with pytest.raises(Conflict):
            run(tmp_path, "discard", name, good.instance_id, "--reason", "both")
        assert run(tmp_path, "discard", name, "--reason", "a port scanner") == {"discarded": [name]}
        for _ in range(200):
            if run(tmp_path, "counts") == {"stored": 1}:
                break
            time.sleep(0.05)
        assert run(tmp_path, "counts") == {"stored": 1}
        assert not stage.gateway.spool.holds(name, shelf="quarantine")
        assert any(
            '"discard object"' in row["body"] and "a port scanner" in row["body"]
            for row in stage.table(ledger_body)
        )


def test_every_failed_object_goes_on_at_once_and_no_held_one(tmp_path: Path) -> None:
    with staged(tmp_path, paused=True) as stage:
        sent = [tiny_object(PatientID=f"P{n}") for n in range(3)]
        stage.send(*sent)
        stage.gateway.drain(0.3)
        held, *failed = stage.rows("spooled")
        with stage.db.write() as tx:
            instances.move(tx, held.instance_id, state="held", reason="asked")
            for row in failed:
                instances.move(tx, row.instance_id, state="failed", reason="the archive answered 507")
    released = run(tmp_path, "release", "--all", "--reason", "its disk has room again")["released"]
    assert sorted(released) == sorted(row.instance_id for row in failed)
    assert run(tmp_path, "counts") == {"held": 1, "spooled": 2}
    result = CliRunner().invoke(
        spool, ["release", held.instance_id, "--all", "--reason", "x", "--data-dir", str(tmp_path)]
    )
    assert result.exit_code == 2, "ids or all, not both"


def test_it_speaks_to_people_too(tmp_path: Path) -> None:
    result = CliRunner().invoke(spool, ["counts", "--data-dir", str(tmp_path)])
    assert result.output == "No object has come in.\n"


def test_the_command_line_has_it() -> None:
    result = CliRunner().invoke(app, ["spool", "--help"])
    assert result.exit_code == 0
    assert "release" in result.output
