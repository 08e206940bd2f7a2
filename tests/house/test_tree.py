"""The tree stays readable: short files, real names, nothing of one machine in it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 400
FORBIDDEN_NAMES = {"utils", "util", "common", "core", "helpers", "helper", "manager", "misc"}


def tracked(*patterns: str) -> list[Path]:
    """Files that the repository holds, committed or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def too_long(paths: list[Path], *, root: Path = ROOT) -> list[str]:
    """Python files above the limit, with their length."""
    counted = ((path, len(path.read_text().splitlines())) for path in paths)
    return [f"{path.relative_to(root)}: {lines}" for path, lines in counted if lines > LONGEST]


def test_no_file_is_over_400_lines() -> None:
    assert too_long(tracked("*.py")) == []


def test_no_room_is_a_drawer() -> None:
    drawers = [
        path
        for path in tracked("*.py")
        if FORBIDDEN_NAMES & {part.removesuffix(".py") for part in path.parts}
    ]
    assert drawers == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_locks_pin_with_hashes_and_name_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r"https?://|file://|--(extra-)?index-url|--find-links|--trusted-host", text)
    requirements = re.findall(r"^([a-z0-9][\w.\-\[\]]*==\S+) ", text, flags=re.MULTILINE)
    assert len(requirements) > 20
    blocks = re.split(r"^(?=[a-z0-9][\w.\-\[\]]*==)", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)


def test_both_locks_agree() -> None:
    pins = [
        dict(
            re.findall(
                r"^([a-z0-9][\w.\-]*)(?:\[\S+\])?==(\S+) ", (ROOT / lock).read_text(), flags=re.MULTILINE
            )
        )
        for lock in ("requirements.lock", "requirements-test.lock")
    ]
    assert {name: version for name, version in pins[0].items() if pins[1].get(name) != version} == {}


def test_nothing_names_a_path_of_one_machine() -> None:
    pattern = re.compile(r"(^|[\s\"'=(])/(work|root|home/\w+)/")
    offenders = []
    for path in tracked("*.py", "*.md", "*.toml", "*.json", "*.ipynb", "Makefile", "*.lock", "*.sh"):
        if path == Path(__file__) or path.stat().st_size > 2_000_000:
            continue
        offenders += [
            f"{path.relative_to(ROOT)}: {line.strip()[:80]}"
            for line in path.read_text().splitlines()
            if pattern.search(line)
        ]
    assert offenders == []


def test_ci_runs_what_the_readme_says() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    readme = (ROOT / "README.md").read_text()
    assert "make demo" in readme
    assert "make test" in readme


def test_notebooks_are_committed_without_output() -> None:
    for path in tracked("notebooks/*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells), path


def test_the_length_check_can_fail(tmp_path: Path) -> None:
    long = tmp_path / "long.py"
    long.write_text("x = 1\n" * (LONGEST + 1))
    assert too_long([long], root=tmp_path) == [f"long.py: {LONGEST + 1}"]
