"""The command line as people and service managers meet it: real processes, exit codes, a clean end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer

from mpi.cli import app

DONE, BAD_INPUT, OUT_OF_REACH = 0, 2, 3
MPI = [sys.executable, "-c", "from mpi.cli import main; main()"]


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    return subprocess.run(
        [*MPI, *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Running:
    """A command that serves, in a process of its own; its printed addresses by name."""

    def __init__(self, arguments: list[str], cwd: Path) -> None:
        self.errors = cwd / "stderr"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [*MPI, *arguments], cwd=cwd, stdout=subprocess.PIPE, stderr=errors, text=True
            )

    def address(self, name: str) -> str:
        """Waits for the line `NAME: http://...`."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if match := re.fullmatch(rf"{name}: (http://\S+)\n", line):
                return match[1]
        raise AssertionError(f"{name} never said where it is: {self.errors.read_text()}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Sends the signal; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts commands and makes sure that they end."""
    started: list[Running] = []

    def begin(*arguments: str) -> Running:
        started.append(Running([*arguments, "--data-dir", str(tmp_path / "var")], tmp_path))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
        assert one.process.stdout is not None
        one.process.stdout.close()


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its words, groups included."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


def test_the_version_is_the_package_s(tmp_path: Path) -> None:
    answer = run("--version", cwd=tmp_path)
    assert (answer.returncode, answer.stdout) == (DONE, f"mpi {version('mpi')}\n")


def test_every_command_has_help_with_an_example() -> None:
    missing = [
        " ".join(path)
        for path, command in commands(typer.main.get_command(app))
        if not hasattr(command, "commands") and f"mpi {' '.join(path)}" not in (command.help or "")
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "sentence"),
    [
        (["nonsense"], {}, BAD_INPUT, "No such command"),
        (["serve", "--prot", "1"], {}, BAD_INPUT, "No such option"),
        (["serve", "--port", "70000"], {}, BAD_INPUT, "65535"),
        (["serve"], {"MPI_HTTP_PORT": "abc"}, BAD_INPUT, "http_port"),
        (["serve"], {"MPI_ARCHIVES": "{"}, BAD_INPUT, "archives"),
        (["serve"], {"MPI_POLICY": "keep-nir"}, BAD_INPUT, "policy"),
        (["serve", "--database-url", "oracle://x"], {}, BAD_INPUT, "database_url"),
        (["serve", "--database-url", "nonsense"], {}, BAD_INPUT, "database_url"),
        (["serve"], {"MPI_MODEL": "/nowhere/model.json"}, BAD_INPUT, "model"),
        (["serve"], {"MPI_XSI_KEY_FILE": __file__}, BAD_INPUT, "key"),
        (["serve", "--data-dir", "/proc/nowhere"], {}, BAD_INPUT, "/proc/nowhere"),
        (
            ["serve", "--database-url", "postgresql+psycopg://mpi:secret@127.0.0.1:1/mpi"],
            {},
            OUT_OF_REACH,
            "database",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_usage_is_one_sentence_and_a_code(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], code: int, sentence: str
) -> None:
    answer = run(*arguments, cwd=tmp_path, **environment)
    assert answer.returncode == code, answer.stderr
    assert sentence in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "secret" not in answer.stderr


def test_a_settings_file_that_is_no_toml_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "mpi.toml").write_text("http_port = = 1")
    answer = run("serve", cwd=tmp_path)
    assert answer.returncode == BAD_INPUT
    assert "settings" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_taken_port_is_said_so_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        answer = run("serve", "--data-dir", str(tmp_path / "var"), "--port", port, cwd=tmp_path)
    assert answer.returncode == BAD_INPUT
    assert f"index cannot listen on 127.0.0.1 port {port}" in answer.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_on_loopback_and_ends_cleanly(start: Callable[..., Running], number: int) -> None:
    running = start("serve", "--port", "0")
    address = running.address("index")
    assert address.startswith("http://127.0.0.1:")
    assert httpx.get(f"{address}/readyz").json()["status"] == "ready"
    assert running.end(number) == DONE
    assert "Traceback" not in running.errors.read_text()


def test_a_request_under_way_is_answered_before_the_end(start: Callable[..., Running]) -> None:
    running = start("serve", "--port", "0")
    host, port = running.address("index").removeprefix("http://").split(":")
    head = (
        "POST /v1/identify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=20) as half:
        half.sendall(head.encode() + b"{")
        time.sleep(0.3)  # the request has been taken up and waits for the rest of its body
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        half.sendall(b"}")
        answer = b"".join(iter(lambda: half.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 401")
    assert running.process.wait(timeout=30) == DONE


def test_all_runs_index_and_gateway_as_one(start: Callable[..., Running]) -> None:
    running = start("all", "--port", "0", "--gateway-port", "0", "--dimse-port", "0")
    addresses = [running.address("gateway"), running.address("index")]
    for address in addresses:
        assert httpx.get(f"{address}/healthz").status_code == 200
    assert running.end() == DONE
    assert "Traceback" not in running.errors.read_text()


@pytest.mark.parametrize("command", ["gateway", "worker"])
def test_each_process_starts_and_ends_alone(start: Callable[..., Running], command: str) -> None:
    ports = ["--gateway-port", "0", "--dimse-port", "0"] if command == "gateway" else []
    running = start(command, *ports)
    assert running.process.stdout is not None
    assert running.process.stdout.readline().startswith(f"{command}: ")
    assert running.end() == DONE
    assert "Traceback" not in running.errors.read_text()
