"""Holds the branch coverage that CONTRIBUTING states: 100 % where an error could swap patients, else 95 %."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHOLE = (
    "matching/checks.py",
    "matching/decision.py",
    "matching/givens.py",
    "matching/model.py",
    "matching/nir.py",
    "matching/xsi/",
    "mpi/rules/assertions.py",
    "mpi/dicom/coercion.py",
    "mpi/dicom/splice.py",
)
OVERALL = 95.0


def percent(files: list[dict[str, float]]) -> float:
    """Covered lines and branches in percent of all, over several files' summaries."""
    total = sum(f["num_statements"] + f["num_branches"] for f in files)
    covered = sum(f["covered_lines"] + f["covered_branches"] for f in files)
    return 100.0 * covered / total if total else 100.0


def main() -> int:
    """Prints each floor beside what was reached; 1 when one is missed."""
    report = ROOT / ".coverage.json"
    subprocess.run([sys.executable, "-m", "coverage", "json", "-q", "-o", report], cwd=ROOT, check=True)
    files = {name: entry["summary"] for name, entry in json.loads(report.read_text())["files"].items()}
    report.unlink()
    missed = False
    for prefix in WHOLE:
        reached = percent([summary for name, summary in files.items() if name.startswith(prefix)])
        missed |= reached < 100.0
        print(f"{'ok  ' if reached >= 100.0 else 'LOW '} {prefix:28} {reached:6.2f} % of 100")
    reached = percent(list(files.values()))
    missed |= reached < OVERALL
    print(f"{'ok  ' if reached >= OVERALL else 'LOW '} {'everything':28} {reached:6.2f} % of {OVERALL:g}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
