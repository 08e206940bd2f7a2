"""From a study's desired identity to what its objects should carry."""

from __future__ import annotations

from mpi.dicom.header import Header
from mpi.dicom.target import QualifiedId
from mpi.flows.studies import desired
from mpi.flows.targets import known_ids, modifying_system, plan_of, target_of
from mpi.settings import ArchiveSettings, Settings
from mpi.store.transaction import Database
from tests.flows.scene import ANNE, A, B, Scene

STUDY = "1.2.3.1"


def header(patient_id: str | None, issuer: str | None = None) -> Header:
    return Header(
        sop_class_uid="1.2",
        sop_instance_uid="1.3",
        study_instance_uid=STUDY,
        series_instance_uid="1.4",
        transfer_syntax="1.2.840.10008.1.2.1",
        patient_id=patient_id,
        issuer=issuer,
    )


def test_a_target_names_the_survivor_and_lists_what_the_archive_may_see(sqlite_db: Database) -> None:
    scene = Scene.open(sqlite_db)
    scene.tell(A, "0042", ANNE, study=STUDY)
    told = scene.tell(B, "77", ANNE)
    assert told.outcome == "linked"
    settings = Settings(site_label="S" * 80)
    archive = ArchiveSettings(write_a_id=True)
    with sqlite_db.read() as tx:
        wanted = desired(tx, STUDY)
        assert wanted is not None
        assert known_ids(tx, wanted, []) == (), "nothing unless allowed"
        assert known_ids(tx, wanted, [A]) == (), "its own id is the received one"
        known = known_ids(tx, wanted, [A, B])
    assert known == (QualifiedId(value="77", label=B, oid=None),)
    target = target_of(
        header("0042"), wanted, settings=settings, archive=archive, source="CT1", known_ids=known
    )
    assert target.patient_id == QualifiedId(
        value=told.identity_id, label=settings.issuer_label, oid=settings.issuer_oid
    )
    assert target.received == QualifiedId(value="0042", label=A), (
        "no issuer told: the authority it is taken for"
    )
    assert [one.value for one in target.other_ids] == [wanted.a_id, "77"]
    assert target.at == wanted.decided_at
    assert len(target.system) == 64
    told_issuer = target_of(
        header("0042", "ELSEWHERE"), wanted, settings=settings, archive=ArchiveSettings(), source=""
    )
    assert told_issuer.received == QualifiedId(value="0042", label="ELSEWHERE")
    assert told_issuer.other_ids == ()
    assert target_of(header(None), wanted, settings=settings, archive=archive, source="").received.value == ""


def test_a_plan_is_the_archives_switches() -> None:
    plan = plan_of(ArchiveSettings(mode="annotate", no_utf8=True, signature_policy="hold"))
    assert (plan.mode, plan.no_utf8, plan.signature_policy) == ("annotate", True, "hold")
    assert modifying_system(Settings(site_label="chu")).startswith("mpi@chu/")
