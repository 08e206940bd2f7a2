"""The spool keeps what was acknowledged, and nothing that was received names a file."""

from __future__ import annotations

import os
import stat
import struct
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mpi.gateway.files import write_durably
from mpi.gateway.spool import (
    ENVELOPE_LIMIT,
    SLOTS,
    Envelope,
    EnvelopeTooLarge,
    Spool,
    SpoolDamaged,
    SpoolTaken,
)
from mpi.security.nir_guard import NirHit

AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def spool_at(root: Path, limit: int = 1_000_000) -> Spool:
    return Spool(root, limit_bytes=limit)


def envelope_for(instance_id: str) -> Envelope:
    return Envelope(
        instance_id=instance_id,
        door="dimse",
        archive="main",
        received_at=AT,
        calling_ae="CT1",
        peer="127.0.0.1",
        hits=(NirHit(field="(0010,1002)", rule="R2"),),
        emptied=(0x00101002,),
    )


def put(spool: Spool, *part10: bytes | memoryview) -> str:
    """Puts one object; its id."""
    envelope = envelope_for(spool.slot())
    spool.put(envelope, part10)
    return envelope.instance_id


def test_an_object_comes_back_as_it_went_in(tmp_path: Path) -> None:
    spool = spool_at(tmp_path)
    name = put(spool, b"head", memoryview(b"body"))
    with spool.open(name) as spooled:
        assert (spooled.envelope, bytes(spooled.part10)) == (envelope_for(name), b"headbody")
    assert spool.holds(name)
    assert spool.ids() == [name], "empty slots are no objects"


def test_files_and_folders_are_private(tmp_path: Path) -> None:
    spool = spool_at(tmp_path / "spool")
    put(spool, b"x")
    spool.put_quarantined(envelope_for("q"), b"x")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "spool").rglob("*")}
    assert modes == {0o600, 0o700}


def test_a_slot_is_given_once_and_again_after_a_restart_when_it_stayed_empty(tmp_path: Path) -> None:
    spool = spool_at(tmp_path)
    given = {spool.slot() for _ in range(2 * SLOTS)}
    assert len(given) == 2 * SLOTS
    spool.close()
    again = spool_at(tmp_path)
    assert {again.slot() for _ in range(2 * SLOTS)} == given


@pytest.mark.parametrize("left", [1, 20, 100], ids=["in the mark", "in the envelope", "in the object"])
def test_what_was_not_finished_is_put_aside_at_a_restart_and_what_was_is_there(
    tmp_path: Path, left: int
) -> None:
    spool = spool_at(tmp_path)
    whole, cut = put(spool, b"x" * 500), put(spool, b"y" * 500)
    (tmp_path / "incoming" / "half").write_bytes(b"DICM, but no more came")
    path = tmp_path / "objects" / cut
    os.truncate(path, left if left < 100 else path.stat().st_size - left)
    kept = path.read_bytes()
    spool.close()
    again = spool_at(tmp_path)
    assert again.ids() == [whole]
    assert not list((tmp_path / "incoming").iterdir())
    assert (tmp_path / "quarantine" / cut).read_bytes() == kept, "no byte of it is destroyed"
    assert cut not in {again.slot() for _ in range(2 * SLOTS)}, "its name is no slot"


def test_one_spool_has_one_owner(tmp_path: Path) -> None:
    first = spool_at(tmp_path)
    name = put(first, b"acknowledged")
    with pytest.raises(SpoolTaken):
        spool_at(tmp_path)
    with first.open(name) as spooled:
        assert bytes(spooled.part10) == b"acknowledged", "the second start touched nothing"
    first.close()
    spool_at(tmp_path).close()


def test_what_an_envelope_cannot_hold_is_refused_before_it_is_promised(tmp_path: Path) -> None:
    spool = spool_at(tmp_path)
    name = spool.slot()
    tags = tuple(range(ENVELOPE_LIMIT // 2))
    with pytest.raises(EnvelopeTooLarge):
        spool.put(replace(envelope_for(name), emptied=tags), [b"x"])
    assert (spool.slot(), spool.fraction) == (name, 0), "the slot is empty and free"


def test_many_hits_of_one_kind_are_noted_as_a_number(tmp_path: Path) -> None:
    spool = spool_at(tmp_path)
    hits = (NirHit(field="(0008,2218)", rule="R2"),) * 40_000 + (NirHit(field="(0010,4000)", rule="R4"),)
    envelope = replace(envelope_for(spool.slot()), hits=hits)
    spool.put(envelope, [b"x"])
    with spool.open(envelope.instance_id) as spooled:
        assert spooled.envelope.hits == hits


def test_the_quarantine_shelf_has_a_limit_of_its_own(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit_bytes=1_000_000, quarantine_limit=3_000)
    rubbish = bytes(1000)
    assert [spool.put_quarantined(envelope_for(f"q{n}"), rubbish) for n in range(3)] == [True, True, False]
    assert sorted(spool.ids(shelf="quarantine")) == ["q0", "q1"]
    assert spool.fraction == 0, "rubbish takes no room from good objects"
    acknowledged = put(spool, bytes(2000))
    spool.quarantine(acknowledged)
    assert spool.holds(acknowledged, shelf="quarantine"), "what was acknowledged is kept however full it is"
    for name in ("q0", acknowledged):
        spool.remove(name, shelf="quarantine")
    assert spool.put_quarantined(envelope_for("q2"), rubbish), "there is room again"


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = spool_at(tmp_path)
    name = spool.slot()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        spool.put(envelope_for(name), [b"x" * 1000])
    with pytest.raises(OSError, match="No space"):
        spool.put_quarantined(envelope_for("q"), b"x" * 1000)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size] == []
    assert spool.fraction == 0
    monkeypatch.undo()
    assert spool.slot() == name, "the slot can be used again"


def test_the_water_marks(tmp_path: Path) -> None:
    spool = spool_at(tmp_path, limit=10_000)
    names = [put(spool, bytes(1000)) for _ in range(8)]
    assert not spool.accepting, "80 percent"
    spool.remove(names[0])
    assert not spool.accepting, "between the marks it stays closed"
    for name in names[1:4]:
        spool.remove(name)
    assert spool.accepting, "below 70 percent it opens again"
    assert not spool.rejecting
    put(spool, bytes(5000))
    assert spool.rejecting, "above 90 percent associations are turned away"


def test_of_two_copies_the_first_one_stays(tmp_path: Path) -> None:
    spool = spool_at(tmp_path)
    first, second = put(spool, bytes(5000)), put(spool, bytes(3000))
    spool.keep_first(first, newcomer=second)
    with spool.open(first) as spooled:
        assert len(spooled.part10) == 5000
    assert spool.ids() == [first]
    spool.keep_first("gone", newcomer=first)
    assert spool.ids() == ["gone"], "the newcomer stands in for a first one that has left"


def test_sizes_survive_moving_and_restart(tmp_path: Path) -> None:
    spool = spool_at(tmp_path)
    kept, moved = put(spool, bytes(5000)), put(spool, bytes(3000))
    spool.quarantine(moved)
    assert (spool.ids(), spool.ids(shelf="quarantine")) == ([kept], [moved])
    before = spool.fraction
    spool.close()
    spool = spool_at(tmp_path)
    assert spool.fraction == before > 0
    third = put(spool, bytes(10))
    spool.remove(third)
    spool.remove(third)
    assert spool.fraction == before


def test_objects_are_listed_oldest_first(tmp_path: Path) -> None:
    spool = spool_at(tmp_path)
    names = {age: put(spool, b"x") for age in (1, 9, 5)}
    for age, name in names.items():
        os.utime(tmp_path / "objects" / name, (1_000_000 - age, 1_000_000 - age))
    assert spool.ids() == [names[9], names[5], names[1]]


def whole(
    envelope: bytes, part10: bytes = b"x", *, mark: bytes = b"MPISPL01", checksum: int | None = None
) -> bytes:
    """A spool file made by hand."""
    told = zlib.crc32(part10) if checksum is None else checksum
    return struct.pack(">8sIQI", mark, len(envelope), len(part10), told) + envelope + part10


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"MPISPL0", "shorter than a head"),
        (whole(b"{}", mark=b"SOMEBODY"), "no mark of ours"),
        (whole(b"{}")[:-1], "cut"),
        (whole(b"{}") + b"x", "something behind it"),
        (whole(b"x" * ((1 << 20) + 1)), "an absurd envelope"),
        (whole(b"{}", checksum=7), "other bytes than were written"),
        (whole(b"[]"), "not an envelope"),
        (whole(b"{]"), "not JSON"),
    ],
)
def test_a_damaged_file_is_told_from_a_good_one(tmp_path: Path, content: bytes, reason: str) -> None:
    spool = spool_at(tmp_path)
    (tmp_path / "objects" / "bad").write_bytes(content)
    with pytest.raises(SpoolDamaged), spool.open("bad"):
        pytest.fail(reason)


def test_a_slice_outlives_the_block_that_opened_it(tmp_path: Path) -> None:
    spool = spool_at(tmp_path)
    with spool.open(put(spool, b"pixels")) as spooled:
        kept = spooled.part10[:3]
    assert bytes(kept) == b"pix"


def test_many_small_slices_are_written_whole(tmp_path: Path) -> None:
    parts = [bytes([n % 251]) * (n % 7) for n in range(3000)]
    write_durably(tmp_path / "out", parts, beside=tmp_path / "temporary")
    assert (tmp_path / "out").read_bytes() == b"".join(parts)


def test_short_writes_go_on_where_they_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.writev
    monkeypatch.setattr(os, "writev", lambda descriptor, parts: real(descriptor, [parts[0][:3]]))
    parts = [b"0123456789", b"", b"abc", b"defg"]
    write_durably(tmp_path / "out", parts, beside=tmp_path / "temporary")
    assert (tmp_path / "out").read_bytes() == b"".join(parts)
