"""The key file: whole, private, one for all processes, trusted only when it is so."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from matching.xsi.key import KeyFileRefused, load_key, load_or_create_key


def test_the_first_run_makes_a_private_key_and_the_next_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "xsi-P.key"
    key = load_or_create_key(path)
    assert len(key) == 32
    assert path.read_text() == key.hex() + "\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert load_or_create_key(path) == load_key(path) == key
    assert list(path.parent.iterdir()) == [path]  # no draft is left


def test_two_places_get_two_keys(tmp_path: Path) -> None:
    assert load_or_create_key(tmp_path / "a") != load_or_create_key(tmp_path / "b")


def test_a_wide_umask_does_not_open_the_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        load_or_create_key(tmp_path / "key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    key = load_or_create_key(path)
    path.chmod(mode)
    with pytest.raises(KeyFileRefused, match="others") as refused:
        load_or_create_key(path)
    assert key.hex() not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty, as after a crash of another writer"),
        (b"ab" * 31, "31 bytes"),
        (b"ab" * 33, "33 bytes"),
        (b"ab" * 32 + b"\r\n", "another line end"),
        (b"ab" * 32 + b"\n\n", "a second line"),
        (b"zz" * 32, "not hexadecimal"),
        (bytes(32), "raw bytes"),
    ],
)
def test_a_malformed_key_is_refused_and_left_alone(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileRefused, match="malformed"):
        load_or_create_key(path)
    assert path.read_bytes() == content, why


def test_upper_case_and_a_missing_line_end_are_read(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("AB" * 32)
    path.chmod(0o400)
    assert load_key(path) == b"\xab" * 32


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(KeyFileRefused, match="regular"):
        load_key(tmp_path / "pipe")
    with pytest.raises(KeyFileRefused, match="No such file"):
        load_key(tmp_path / "absent")
    (tmp_path / "dangling").symlink_to(tmp_path / "absent")
    with pytest.raises(KeyFileRefused, match="No such file"):
        load_or_create_key(tmp_path / "dangling")
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFileRefused, match=r"Not a directory|File exists"):
        load_or_create_key(tmp_path / "file" / "key")


RACE = """
import sys, time
from pathlib import Path
from matching.xsi.key import load_or_create_key
gate, path = Path(sys.argv[1]), Path(sys.argv[2])
print("ready", flush=True)
while not gate.exists():
    time.sleep(0.001)
print(load_or_create_key(path).hex())
"""


def test_processes_that_start_together_get_one_key(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    for attempt in range(3):
        gate.unlink(missing_ok=True)
        path = tmp_path / str(attempt) / "keys" / "key"
        racers = [
            subprocess.Popen(
                [sys.executable, "-c", RACE, gate, path], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
            )
            for _ in range(6)
        ]
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        gate.touch()
        keys = {racer.communicate(timeout=30)[0].strip() for racer in racers}
        assert keys == {path.read_text().strip()}
        assert all(racer.returncode == 0 for racer in racers)
        assert list(path.parent.iterdir()) == [path]
