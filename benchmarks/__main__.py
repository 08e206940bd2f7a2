"""`python -m benchmarks [NAME ...]`: runs the benchmarks named, or all, and prints one table of ratios."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks import Row

VERSIONS = ("mpi", "SQLAlchemy", "rapidfuzz", "pydicom", "pynetdicom", "recordlinkage", "pandas")


def names() -> list[str]:
    """The modules of this package that are benchmarks."""
    return sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.name.startswith("_"))


def hardware() -> str:
    """Processor, cores, memory and load of the machine."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    memory = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0]
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB; load average at the start {load:.1f}"


def software() -> str:
    """Versions of what the figures depend on."""
    parts = [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    return ", ".join(parts + [f"{name} {version(name)}" for name in VERSIONS])


def table(rows: list[Row]) -> Table:
    """One line a row: the ratio first, the figures it comes from beside it."""
    made = Table(title="Ratios, ours to the peer, same machine and same run", title_justify="left")
    for heading in ("benchmark", "load", "ratio", "goal", "ours", "peer", "compared with"):
        made.add_column(heading, justify="right" if heading in ("ratio", "ours", "peer") else "left")
    for row in rows:
        made.add_row(
            row.benchmark,
            row.load,
            f"{row.ratio:.2f}",
            row.goal or "",
            f"{row.ours:.3g} {row.unit}",
            f"{row.peer:.3g} {row.unit}",
            row.peer_name,
        )
    return made


def main() -> None:
    """Runs and prints."""
    known = names()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"one of {', '.join(known)}; default: all")
    chosen = parser.parse_args().name or known
    if unknown := set(chosen) - set(known):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))} (there are {', '.join(known)})")
    console = Console(width=max(Console().width, 150))
    console.print(hardware())
    console.print(software())
    rows: list[Row] = []
    for name in chosen:
        with console.status(f"benchmark {name} ..."):
            rows += importlib.import_module(f"benchmarks.{name}").run()
    console.print(table(rows))


if __name__ == "__main__":
    main()
