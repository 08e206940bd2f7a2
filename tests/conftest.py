"""What every test may use: real components, found or skipped loudly."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytest_plugins = ["tests.support.databases"]


def _initdb() -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return str(found[-1]) if found else shutil.which("initdb")


COMPONENTS = {
    "orthanc": lambda: shutil.which("Orthanc"),
    "dcmtk": lambda: shutil.which("dcmftest"),
    "dicom3tools": lambda: shutil.which("dciodvfy"),
    "postgresql": _initdb,
    "curl": lambda: shutil.which("curl"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what needs a component that is not here."""
    for item in items:
        for mark in item.iter_markers("needs"):
            for name in mark.args:
                if not COMPONENTS[name]():
                    item.add_marker(pytest.mark.skip(reason=f"missing component: {name}"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says loudly what was skipped for want of a component."""
    missing = [r for r in terminalreporter.stats.get("skipped", []) if "missing component" in str(r.longrepr)]
    if missing:
        terminalreporter.section("SKIPPED FOR WANT OF A COMPONENT", sep="!", red=True)
        for report in missing:
            terminalreporter.line(f"{report.nodeid}: {report.longrepr[2]}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a test skipped for want of a component is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None:
        skipped = reporter.stats.get("skipped", [])
        if any("missing component" in str(r.longrepr) for r in skipped) and session.exitstatus == 0:
            session.exitstatus = 1


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """The committed, invented people and vectors."""
    return Path(__file__).parent.parent / "data" / "fixtures"


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RunningOrthanc:
    """One real Orthanc with a store of its own; it can be ended and started again."""

    def __init__(self, folder: Path, *, overwrite: bool = False) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "orthanc.log"
        self._configuration = folder / "orthanc.json"
        self._configuration.write_text(
            json.dumps(
                {
                    "Name": "tests",
                    "StorageDirectory": str(folder / "storage"),
                    "IndexDirectory": str(folder / "storage"),
                    "HttpPort": self.port,
                    "DicomServerEnabled": False,
                    "RemoteAccessAllowed": False,
                    "AuthenticationEnabled": False,
                    "OverwriteInstances": overwrite,
                    "Plugins": [],
                }
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and returns when it answers."""
        program = shutil.which("Orthanc")
        assert program is not None
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, str(self._configuration)],
                stdout=log,
                stderr=log,
                env={**os.environ, "TCP_NODELAY": "1"},
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/system", timeout=2, trust_env=False).is_success:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"Orthanc did not start: {self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        """Ends it and waits until its database is closed."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None


@pytest.fixture
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrthanc]:
    """A fresh Orthanc on a free loopback port. Tests that use it are marked needs("orthanc")."""
    server = RunningOrthanc(tmp_path_factory.mktemp("orthanc"))
    server.start()
    try:
        yield server
    finally:
        server.stop()
