"""What every test may use: real components, found or skipped loudly."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def _initdb() -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return str(found[-1]) if found else shutil.which("initdb")


COMPONENTS = {
    "orthanc": lambda: shutil.which("Orthanc"),
    "dcmtk": lambda: shutil.which("dcmftest"),
    "dicom3tools": lambda: shutil.which("dciodvfy"),
    "postgresql": _initdb,
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
