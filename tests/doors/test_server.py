"""One application on one socket: at the start, in the middle of an answer, and under a crowd."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from mpi.doors.rest.middleware import RequestRules
from mpi.doors.rest.server import HttpServer
from mpi.errors import MpiError
from tests.doors.doorway import ANNE, Doorway


async def breaks_off(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that fails after its answer has begun."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
    await send({"type": "http.response.body", "body": b"12345", "more_body": True})
    raise RuntimeError("LEFEVRE")


def test_a_taken_port_is_a_sentence() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(MpiError, match=r"^index cannot listen on 127\.0\.0\.1 port \d+: ."),
    ):
        HttpServer(breaks_off, host="127.0.0.1", port=taken.getsockname()[1], name="index")


def test_an_answer_that_breaks_off_is_cut_not_completed(caplog: pytest.LogCaptureFixture) -> None:
    server = HttpServer(RequestRules(breaks_off, max_body=100), host="127.0.0.1", port=0, name="breaking")
    server.start()
    try:
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(server.url)
    finally:
        server.stop()
    assert "RuntimeError" in caplog.text
    assert "LEFEVRE" not in caplog.text


def test_an_answer_does_not_wait_for_an_acknowledgement(shared_door: Doorway) -> None:
    """Head and body are two writes: with Nagle's algorithm on, each answer takes 40 ms (a delayed ACK)."""
    client = shared_door.client(None)
    took = []
    for _ in range(30):
        started = time.perf_counter()
        client.get("/healthz")
        took.append(time.perf_counter() - started)
    assert min(took) < 0.03


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_may_ask_for_the_head_alone(shared_door: Doorway, path: str) -> None:
    answer = shared_door.client(None).head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/json"


def test_a_server_stops_once_it_has_stopped() -> None:
    server = HttpServer(breaks_off, host="127.0.0.1", port=0, name="unused")
    server.stop()


def test_twenty_callers_at_once_bring_one_new_person_to_one_identity(door: Doorway) -> None:
    def tell(number: int) -> str:
        headers = {"Authorization": f"Bearer {door.keys['sender-a']}"}
        body = {"authority": "HOPITAL-A", "local_id": f"id-{number}", "traits": ANNE}
        answer = httpx.post(f"{door.server.url}/v1/identify", json=body, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["identity_id"])

    with ThreadPoolExecutor(20) as crowd:
        found = set(crowd.map(tell, range(20)))
    assert len(found) == 1
