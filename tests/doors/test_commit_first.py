"""The answer is sent only after the commit; a database that is away is said so, and nothing is promised."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from mpi.store import engine
from tests.doors.doorway import ANNE, Doorway

BODY = {"authority": "HOPITAL-A", "local_id": "0042", "traits": ANNE}


@contextmanager
def failing_commit(door: Doorway) -> Iterator[None]:
    """Every commit of a write fails at the last moment, as on a full disk that only then is noticed."""

    def fail(_connection: Any) -> None:
        raise RuntimeError("no space left for LEFEVRE")

    event.listen(door.db.engine, "commit", fail)
    try:
        yield
    finally:
        event.remove(door.db.engine, "commit", fail)


def test_a_failing_commit_answers_500_stores_nothing_and_a_retry_works(
    door: Doorway, caplog: pytest.LogCaptureFixture
) -> None:
    client = door.client("sender-a")
    client.get("/v1/studies/1.2.3")  # the key's use is noted now, not during the failure
    with failing_commit(door):
        answer = client.post("/v1/identify", json=BODY, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json()["code"]) == (500, "error")
    assert "LEFEVRE" not in answer.text + caplog.text
    assert "RuntimeError" in caplog.text
    assert answer.headers["cache-control"] == "no-store"
    assert client.get("/v1/records/HOPITAL-A/0042").status_code == 404
    again = client.post("/v1/identify", json=BODY, headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()["outcome"]) == (200, "new")


def test_a_database_that_is_away_answers_503_with_a_time_to_come_back(
    door: Doorway, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = door.client("sender-a")
    assert client.get("/readyz").json() == {
        "status": "ready",
        "parts": {"database": "ok", "keys": "ok"},
    }
    path = door.db.path
    assert path is not None
    door.db.close()
    monkeypatch.setattr(engine, "BUSY_TIMEOUT", 0.2)
    hidden = path.rename(path.with_suffix(".away"))
    path.mkdir()  # a folder in the file's place cannot be opened
    for answer in (
        client.post("/v1/identify", json=BODY),
        client.get("/v1/studies/1.2.3"),
        client.get("/readyz"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
    assert client.get("/readyz").json()["parts"]["database"] == "away"
    assert client.get("/healthz").status_code == 200
    path.rmdir()
    hidden.rename(path)
    assert client.get("/readyz").status_code == 200
    assert client.post("/v1/identify", json=BODY).status_code == 200


def test_the_answer_is_in_the_database_when_it_arrives(door: Doorway) -> None:
    answer = door.identify("sender-a", "0042", ANNE)
    path = door.db.path
    assert path is not None
    with closing(sqlite3.connect(path)) as other:
        found = other.execute("SELECT identity_id FROM membership").fetchall()
    assert found == [(answer["identity_id"],)]


def test_no_log_line_holds_a_trait_a_local_id_or_a_query(
    door: Doorway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    door.identify("sender-a", "local-0042", ANNE)
    client = door.client("sender-a")
    client.get("/v1/records/HOPITAL-A/local-0042?note=LEFEVRE")
    client.post("/v1/identify", json={**BODY, "traits": {**ANNE, "family_name": "LEFEVRE\x07"}})
    client.get("/local-0042/LEFEVRE")
    own = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]
    text = "\n".join(own)
    assert "POST /v1/identify 200" in text
    assert "GET /v1/records/{authority}/{local_id:path} 200" in text
    assert "sender:sender-a" in text
    for secret in ("local-0042", "LEFEVRE", "MARTIN", "1958", "note="):
        assert secret not in text, secret
