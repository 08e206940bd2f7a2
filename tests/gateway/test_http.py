"""`POST /v1/dicom/instances`: an object comes back under the right identity, or a clear refusal."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import httpx
import pydicom
import pytest
from pydicom.uid import generate_uid

from mpi.doors.rest.server import HttpServer
from mpi.gateway.http import gateway_app
from mpi.security.senders import add_sender
from mpi.store.tables import instance, nir_count
from tests.gateway.samples import small_object, tiny_object
from tests.gateway.stage import AT, Stage, staged

PATH = "/v1/dicom/instances"


class Door:
    """The HTTP door of a staged gateway, and a caller that speaks for HOPITAL-A."""

    def __init__(self, stage: Stage, url: str, key: str) -> None:
        self.stage = stage
        self.client = httpx.Client(base_url=url, trust_env=False, timeout=20)
        self.key = key

    def post(self, data: bytes | Iterator[bytes], **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/dicom"}
        return self.client.post(PATH, content=data, headers=headers | options.pop("headers", {}), **options)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    archives = {"main": {}, "notes": {"mode": "annotate"}, "as-is": {"mode": "pass"}}
    with staged(tmp_path_factory.mktemp("http"), archives=archives, max_body_mb=1) as stage:
        with stage.db.write() as tx:
            key = add_sender(tx, name="pacs", authorities=["HOPITAL-A"], at=AT)
        server = HttpServer(gateway_app(stage.gateway), host="127.0.0.1", port=0, name="gateway")
        server.start()
        opened = Door(stage, server.url, key)
        yield opened
        opened.client.close()
        server.stop()


def read(data: bytes) -> pydicom.FileDataset:
    return pydicom.dcmread(io.BytesIO(data))


def test_an_object_comes_back_rewritten_and_is_not_kept(door: Door) -> None:
    data = small_object(PatientID="0042")
    answer = door.post(data, params={"calling_ae": "CT9"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom")
    before, after = read(data), read(answer.content)
    assert after.IssuerOfPatientID == "MPI"
    assert after.OriginalAttributesSequence[-1].ModifiedAttributesSequence[0].PatientID == "0042"
    assert after.OriginalAttributesSequence[-1].SourceOfPreviousValues == "CT9"
    assert after.PixelData == before.PixelData
    assert door.post(data, params={"calling_ae": "CT9"}).content == answer.content, "same object, same bytes"
    assert door.stage.table(instance) == []
    assert door.stage.gateway.spool.ids() == []


def test_what_came_back_passes_when_it_comes_again(door: Door) -> None:
    once = door.post(tiny_object()).content
    assert door.post(once).content == once


def test_the_archive_named_decides_the_tag_plan(door: Door) -> None:
    data = tiny_object(PatientID="0042")
    noted = read(door.post(data, params={"archive": "notes"}).content)
    assert noted.PatientID == "0042"
    assert len(noted.OtherPatientIDsSequence) > len(read(data).OtherPatientIDsSequence)
    assert door.post(data, params={"archive": "as-is"}).content == data


def test_an_object_without_a_patient_comes_back_as_it_is(door: Door) -> None:
    data = tiny_object(SOPClassUID="1.2.840.10008.5.1.4.38.1")
    assert door.post(data).content == data


def test_a_number_is_emptied_in_what_comes_back(door: Door) -> None:
    nir = "2580275056" + "000"  # order number 000: fictitious
    nir += f"{97 - int(nir) % 97:02d}"
    answer = door.post(tiny_object(PatientComments=f"see {nir}"))
    assert answer.status_code == 200
    assert nir.encode() not in answer.content
    assert read(answer.content).PatientComments == ""
    assert [(row["door"], row["rule"]) for row in door.stage.table(nir_count)] == [("http-dicom", "R2")]


def test_refusals_are_problem_documents(door: Door) -> None:
    study = {"StudyInstanceUID": generate_uid()}
    assert door.post(tiny_object(PatientID="A1", **study)).status_code == 200
    cases: list[tuple[str, httpx.Response, int, dict[str, Any]]] = [
        ("no key", door.post(tiny_object(), headers={"Authorization": "Bearer x"}), 401, {}),
        ("another's authority", door.post(tiny_object(IssuerOfPatientID="HOPB")), 403, {}),
        ("not DICOM", door.post(b"GIF89a" * 50), 422, {"field": "body", "rule": "unreadable"}),
        ("cut", door.post(tiny_object()[:3000]), 422, {"rule": "unreadable"}),
        ("too large", door.post(bytes(1_100_000)), 413, {}),
        ("another media type", door.post(b"{}", headers={"Content-Type": "application/json"}), 415, {}),
        ("no such archive", door.post(tiny_object(), params={"archive": "x"}), 422, {"field": "archive"}),
        ("no AE title", door.post(tiny_object(), params={"calling_ae": "a" * 17}), 422, {}),
        (
            "the study hangs on another record",
            door.post(tiny_object(PatientID="A2", PatientName="KERVADEC^JEAN", **study)),
            409,
            {"action": "conflict"},
        ),
    ]
    for why, answer, status, details in cases:
        assert answer.status_code == status, why
        assert answer.headers["content-type"] == "application/problem+json", why
        document = answer.json()
        assert details.items() <= document.items(), why
        assert "KERVADEC" not in answer.text


def test_a_streamed_body_is_cut_off_at_the_limit(door: Door) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield bytes(64_000)

    try:
        answer = door.post(endless())
    except httpx.TransportError:
        return  # the line was cut while we still sent
    assert answer.status_code == 413


def test_the_gateway_says_how_it_is(door: Door) -> None:
    assert door.client.get("/healthz").json() == {"status": "ok"}
    ready = door.client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert set(ready.json()["parts"]) == {
        "database",
        "spool",
        "threads",
        "archive.main",
        "archive.notes",
        "archive.as-is",
    }
    door.stage.gateway.spool._account(900_000_000_000)
    away = door.client.get("/readyz")
    door.stage.gateway.spool._account(-900_000_000_000)
    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    assert away.json()["parts"]["spool"] == "away"


def test_the_description_names_the_route(door: Door) -> None:
    described = door.client.get("/openapi.json").json()["paths"][PATH]["post"]
    assert "application/dicom" in described["requestBody"]["content"]
