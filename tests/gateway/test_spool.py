"""The spool keeps what was acknowledged, and nothing that was received names a file."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mpi.gateway.files import write_durably
from mpi.gateway.spool import Envelope, Spool, SpoolDamaged
from mpi.security.nir_guard import NirHit

ENVELOPE = Envelope(
    instance_id="a1",
    door="dimse",
    archive="main",
    received_at=datetime(2026, 11, 24, 8, 0, tzinfo=UTC),
    calling_ae="CT1",
    peer="127.0.0.1",
    hits=(NirHit(field="(0010,1002)", rule="R2"),),
)


def spool_at(root: Path, limit: int = 1_000_000) -> Spool:
    return Spool(root, limit_bytes=limit)


def test_an_object_comes_back_as_it_went_in(tmp_path: Path) -> None:
    spool = spool_at(tmp_path)
    spool.put(ENVELOPE, [b"head", memoryview(b"body")])
    with spool.open("a1") as spooled:
        assert (spooled.envelope, bytes(spooled.part10)) == (ENVELOPE, b"headbody")


def test_files_and_folders_are_private(tmp_path: Path) -> None:
    spool = spool_at(tmp_path / "spool")
    spool.put(ENVELOPE, [b"x"])
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "spool").rglob("*")}
    assert set(modes.values()) == {0o600, 0o700}


def test_what_was_not_finished_is_gone_after_a_restart_and_what_was_is_there(tmp_path: Path) -> None:
    spool_at(tmp_path).put(ENVELOPE, [b"x"])
    (tmp_path / "incoming" / "half").write_bytes(b"DICM, but no more came")
    again = spool_at(tmp_path)
    assert again.ids() == ["a1"]
    assert not list((tmp_path / "incoming").iterdir())


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = spool_at(tmp_path)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        spool.put(ENVELOPE, [b"x" * 1000])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert spool.fraction == 0


def test_the_water_marks(tmp_path: Path) -> None:
    spool = spool_at(tmp_path, limit=10_000)
    for number in range(8):
        spool.put(replace(ENVELOPE, instance_id=str(number)), [bytes(1000)])
    assert not spool.accepting, "80 percent"
    spool.remove("0")
    assert not spool.accepting, "between the marks it stays closed"
    for number in range(1, 4):
        spool.remove(str(number))
    assert spool.accepting, "below 70 percent it opens again"
    assert not spool.rejecting
    spool.put(replace(ENVELOPE, instance_id="big"), [bytes(5000)])
    assert spool.rejecting, "above 90 percent associations are turned away"


def test_sizes_survive_replacing_moving_and_restart(tmp_path: Path) -> None:
    spool = spool_at(tmp_path)
    spool.put(ENVELOPE, [bytes(5000)])
    spool.put(ENVELOPE, [bytes(3000)])
    spool.put(replace(ENVELOPE, instance_id="b2"), [bytes(3000)])
    spool.supersede("a1", by="b2")
    spool.quarantine("a1")
    assert (spool.ids(), spool.ids(shelf="quarantine")) == ([], ["a1"])
    assert spool.fraction == spool_at(tmp_path).fraction
    spool.readmit("a1")
    spool.remove("a1")
    spool.remove("a1")
    assert spool.fraction == 0


def test_objects_are_listed_oldest_first(tmp_path: Path) -> None:
    spool = spool_at(tmp_path)
    for name, age in (("young", 1), ("old", 9), ("middle", 5)):
        spool.put(replace(ENVELOPE, instance_id=name), [b"x"])
        os.utime(tmp_path / "objects" / name, (1_000_000 - age, 1_000_000 - age))
    assert spool.ids() == ["old", "middle", "young"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cut to nothing"),
        (b"MPISPL0", "shorter than a mark"),
        (b"SOMEONE ELSE'S FILE", "no mark of ours"),
        (b"MPISPL01\x00\x00\xff\xff{}", "the envelope runs past the end"),
        (b"MPISPL01\xff\xff\xff\xff{}", "an absurd length"),
        (b"MPISPL01\x00\x00\x00\x02[]", "not an envelope"),
        (b"MPISPL01\x00\x00\x00\x02{]", "not JSON"),
    ],
)
def test_a_damaged_file_is_told_from_a_good_one(tmp_path: Path, content: bytes, reason: str) -> None:
    spool = spool_at(tmp_path)
    (tmp_path / "objects" / "bad").write_bytes(content)
    with pytest.raises(SpoolDamaged), spool.open("bad"):
        pytest.fail(reason)


def test_a_slice_outlives_the_block_that_opened_it(tmp_path: Path) -> None:
    spool = spool_at(tmp_path)
    spool.put(ENVELOPE, [b"pixels"])
    with spool.open("a1") as spooled:
        kept = spooled.part10[:3]
    assert bytes(kept) == b"pix"


def test_many_small_slices_are_written_whole(tmp_path: Path) -> None:
    parts = [bytes([n % 251]) * (n % 7) for n in range(3000)]
    write_durably(tmp_path / "out", parts, beside=tmp_path / "temporary")
    assert (tmp_path / "out").read_bytes() == b"".join(parts)
