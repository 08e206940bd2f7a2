"""Starts the demo's archive: Debian's Orthanc where installed, with a password, for this machine."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from mpi.errors import Unavailable

USER = "mpi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Orthanc:
    """A running Orthanc that this process started."""

    url: str
    password_file: Path
    version: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Ends it and waits until its database is closed."""
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=5)


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(folder: Path, *, wait_seconds: float = 30.0) -> Orthanc | None:
    """None when Orthanc is not installed. Raises Unavailable when it is, but does not answer in time."""
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    port, password = free_port(), secrets.token_urlsafe(24)
    password_file = folder / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    configuration = folder / "orthanc.json"
    configuration.touch(mode=0o600)
    configuration.write_text(
        json.dumps(
            {
                "Name": "MPI demonstration",
                "StorageDirectory": str(folder / "storage"),
                "IndexDirectory": str(folder / "storage"),
                "HttpPort": port,
                "DicomServerEnabled": False,  # objects come over HTTP, so one port less is open
                "RemoteAccessAllowed": False,  # answers this machine only
                "AuthenticationEnabled": True,
                "RegisteredUsers": {USER: password},
                "OverwriteInstances": False,
                "Plugins": [],
            }
        )
    )
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - a program found on the PATH, with our own configuration
            [program, str(configuration)], stdout=log, stderr=log, env={**os.environ, "TCP_NODELAY": "1"}
        )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + wait_seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            system = httpx.get(f"{url}/system", auth=(USER, password), timeout=2)
        except httpx.HTTPError:
            time.sleep(0.2)
            continue
        if system.status_code == 200:
            version = str(system.json()["Version"])
            return Orthanc(url=url, password_file=password_file, version=version, process=process)
        time.sleep(0.2)
    process.kill()
    raise Unavailable(
        "Orthanc is installed, but it does not start; its log is in orthanc.log of the data folder."
    )
