"""Orthanc over its HTTP interface: POST /instances on keep-alive connections, then read back and compare.

The driver never calls /modify or /merge: with KeepSource=false a repeated call deletes the study (1.12.7).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from mpi.gateway.archives import (
    ArchiveAway,
    ArchiveDiffers,
    ArchiveRefuses,
    InstanceKey,
    Parts,
    blocks,
    digest_of,
    size_of,
)

_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_REFUSALS = {400, 404, 406, 409, 413, 415, 422}  # about this object; anything else is about the archive


class OrthancArchive:
    """One Orthanc. httpcore sets TCP_NODELAY on our side; Orthanc needs TCP_NODELAY=1 in its environment."""

    def __init__(self, url: str, *, credentials: tuple[str, str] | None = None, connections: int = 4) -> None:
        self._client = httpx.Client(
            base_url=url.rstrip("/"),
            auth=credentials,
            timeout=_TIMEOUT,
            headers={"Accept-Encoding": "identity"},  # Orthanc would compress every answer
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=False,
            follow_redirects=False,
        )

    def store(self, key: InstanceKey, parts: Parts) -> bool:
        """POST /instances, once no object is there under its UID: one that is must have the same bytes.

        An Orthanc with OverwriteInstances replaces what it has, and any Orthanc keeps a second object of the
        same UID under another patient, so asking first is the only way not to.
        """
        there = self._with_uid(key)
        if there:
            if len(there) > 1 or self._digest(there[0]) != digest_of(parts):
                raise ArchiveDiffers("the archive holds other bytes under this SOP Instance UID")
            return False
        headers = {"Content-Type": "application/dicom", "Content-Length": str(size_of(parts))}
        answer = self._ask("POST", "/instances", content=blocks(parts), headers=headers)
        if not isinstance(answer, dict) or not answer.get("ID"):
            raise ArchiveRefuses("the archive did not say where it put the object")
        if self._digest(str(answer["ID"])) != digest_of(parts):
            raise ArchiveDiffers("the archive holds other bytes under this SOP Instance UID")
        return answer.get("Status") != "AlreadyStored"

    def fetch(self, key: InstanceKey) -> bytes | None:
        """The file of the only instance with this SOP Instance UID; ArchiveRefuses when there are several."""
        ids = self._with_uid(key)
        if len(ids) > 1:
            raise ArchiveRefuses("the archive holds several objects under this SOP Instance UID")
        if not ids:
            return None
        with _faults():
            response = self._client.get(f"/instances/{ids[0]}/file")
            _judge(response)
            return response.content

    def studies(self) -> list[str]:
        """GET /studies; one study UID under two patients counts once."""
        return sorted(
            {s["MainDicomTags"].get("StudyInstanceUID", "") for s in self._ask("GET", "/studies?expand")}
        )

    def instances(self, study_instance_uid: str) -> list[InstanceKey]:
        """Walks every study of this UID, so copies under two patients are both listed."""
        found = self._ask("POST", "/tools/lookup", content=study_instance_uid)
        keys = [
            InstanceKey(
                study_instance_uid=study_instance_uid,
                series_instance_uid=series["MainDicomTags"]["SeriesInstanceUID"],
                sop_instance_uid=instance["MainDicomTags"]["SOPInstanceUID"],
            )
            for entry in found
            if entry["Type"] == "Study"
            for series in self._ask("GET", f"/studies/{entry['ID']}/series?expand")
            for instance in self._ask("GET", f"/series/{series['ID']}/instances?expand")
        ]
        return sorted(keys, key=lambda key: (key.series_instance_uid, key.sop_instance_uid))

    def check(self) -> None:
        """GET /system answers, and does not say that instances are overwritten."""
        if self._ask("GET", "/system").get("OverwriteInstances"):
            raise ArchiveAway("the archive overwrites what it has: set OverwriteInstances to false")

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _with_uid(self, key: InstanceKey) -> list[str]:
        """Orthanc's ids of every instance with this SOP Instance UID, whoever's it is."""
        found = self._ask("POST", "/tools/lookup", content=key.sop_instance_uid)
        return [str(entry["ID"]) for entry in found if entry["Type"] == "Instance"]

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        """The JSON answer. `path` holds Orthanc's own ids only, never a received value."""
        with _faults():
            response = self._client.request(method, path, **options)
            _judge(response)
            return response.json()

    def _digest(self, orthanc_id: str) -> bytes:
        """Of the file as the archive gives it back, read in a stream."""
        with _faults(), self._client.stream("GET", f"/instances/{orthanc_id}/file") as response:
            _judge(response)
            return digest_of(response.iter_raw())


@contextmanager
def _faults() -> Iterator[None]:
    """Turns every fault of transport, and an answer that is not JSON, into ArchiveAway."""
    try:
        yield
    except (httpx.HTTPError, ValueError) as error:
        raise ArchiveAway(f"archive: {type(error).__name__}") from error


def _judge(response: httpx.Response) -> None:
    if response.status_code in _REFUSALS:
        raise ArchiveRefuses(f"the archive answered {response.status_code}")
    if not response.is_success:
        raise ArchiveAway(f"the archive answered {response.status_code}")
