"""Who may call what: every route with every kind of caller, as one table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doors.doorway import ANNE, CALLERS, Doorway

SENDERS = {"sender-a", "sender-b", "both"}
READERS = {"both", "reader", "clerk"}
EVERYBODY = {*CALLERS, None}

# Route of the description -> (method, a real address, body, who may call it).
ROUTES: dict[str, tuple[str, str, dict[str, Any] | None, set[str | None]]] = {
    "POST /v1/identify": (
        "POST",
        "/v1/identify",
        {"authority": "HOPITAL-A", "local_id": "1", "traits": ANNE},
        {"sender-a", "both"},  # sender-b does not speak for HOPITAL-A
    ),
    "POST /v1/match": ("POST", "/v1/match", {"traits": ANNE}, SENDERS | READERS),
    "POST /v1/dicom/coerce": ("POST", "/v1/dicom/coerce", {}, SENDERS),
    "GET /v1/records/{authority}/{local_id}": (
        "GET",
        "/v1/records/HOPITAL-A/1",
        None,
        {"sender-a", "both", "reader", "clerk"},
    ),
    "GET /v1/identities/{identity_id}": ("GET", "/v1/identities/E1", None, SENDERS | READERS),
    "GET /v1/identities/{identity_id}/studies": (
        "GET",
        "/v1/identities/E1/studies",
        None,
        SENDERS | READERS,
    ),
    "GET /v1/studies/{uid}": ("GET", "/v1/studies/1.2.3", None, SENDERS | READERS),
    "GET /healthz": ("GET", "/healthz", None, EVERYBODY),
    "GET /readyz": ("GET", "/readyz", None, EVERYBODY),
}


def test_the_table_names_every_route(shared_door: Doorway) -> None:
    described = shared_door.client(None).get("/openapi.json").json()["paths"]
    found = {f"{method.upper()} {path}" for path, methods in described.items() for method in methods}
    assert found == set(ROUTES)


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_knows_who_may_call_it(shared_door: Doorway, route: str) -> None:
    method, address, body, allowed = ROUTES[route]
    for caller in (*CALLERS, None):
        answer = shared_door.client(caller).request(method, address, json=body)
        if caller in allowed:
            assert answer.status_code in (200, 404, 422), (caller, answer.text)
            assert "WWW-Authenticate" not in answer.headers
        elif caller is None:
            assert (answer.status_code, answer.json()["code"]) == (401, "not-authenticated")
            assert answer.headers["www-authenticate"] == 'Bearer realm="mpi"'
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed"), caller


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer nonsense", "Basic bXBpOm1waQ==", "Bearer mpi_000000000000_" + "A" * 43],
)
def test_whoever_is_not_known_gets_one_and_the_same_refusal(shared_door: Doorway, header: str) -> None:
    answer = shared_door.client(None).get("/v1/studies/1.2.3", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_stranger_is_refused_before_the_content_is_looked_at(shared_door: Doorway) -> None:
    for body in ({"authority": 1}, {"traits": {"birth_name": "LEFEVRE", "nonsense": 1}}):
        assert shared_door.client(None).post("/v1/identify", json=body).status_code == 401


def test_a_method_that_a_route_does_not_take_is_a_problem_too(shared_door: Doorway) -> None:
    answer = shared_door.client("reader").delete("/v1/studies/1.2.3")
    assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")
    assert answer.headers["allow"] == "GET"
