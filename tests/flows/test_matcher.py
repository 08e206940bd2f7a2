"""What a flow decides with: from settings, with the shipped model, and a memory that forgets in order."""

from __future__ import annotations

from pathlib import Path

from matching.records import Record
from mpi.flows.matcher import Ids, Matcher, RecordCache
from mpi.settings import Settings
from tests.flows.scene import ANNE, A, B, C, Scene, person


def test_the_shipped_model_links_one_person_and_never_twins(sqlite_db, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, ingest_deadline_ms=60_000)
    matcher = Matcher.from_settings(settings)
    assert matcher.deadline == 60.0
    assert (tmp_path / "keys" / "xsi-P.key").stat().st_mode & 0o777 == 0o600
    scene = Scene.open(sqlite_db, matcher=matcher, ids=Ids.system())
    first = scene.tell(A, "1", ANNE)
    assert scene.tell(B, "2", ANNE).identity_id == first.identity_id
    assert scene.tell(C, "3", person(given_names=("CLAIRE",))).identity_id != first.identity_id
    assert scene.tell(A, "1", ANNE).a_id == first.a_id


def test_the_same_settings_have_the_same_configuration_hash_and_another_population_has_not(
    tmp_path: Path,
) -> None:
    one, same, other = (
        Matcher.from_settings(Settings(data_dir=tmp_path, population=population)).versions["configuration"]
        for population in (6_000_000, 6_000_000, 60_000_000)
    )
    assert one == same != other


def test_a_full_memory_lets_go_of_what_was_unused_for_longest() -> None:
    kept = RecordCache(size=2)
    keys = [(name, 1, False) for name in "abc"]
    for key in keys[:2]:
        kept.put(key, Record(local_id=key[0]))
    assert kept.get(keys[0]) == Record(local_id="a")
    kept.put(keys[2], Record(local_id="c"))
    assert kept.get(keys[1]) is None, "b was unused for longest"
    assert kept.get(keys[0]) is not None
    assert kept.get(keys[2]) is not None


def test_ids_of_the_system_are_new_each_time_and_of_their_form() -> None:
    ids = Ids.system()
    assert len({ids.uuid() for _ in range(100)} | {ids.identity() for _ in range(100)}) == 200
    assert ids.identity().startswith("E")
    assert len(ids.salt()) == 32
