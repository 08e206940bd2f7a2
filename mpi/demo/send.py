"""The modality of the demonstration: sends files by C-STORE as they are, and keeps the status of each."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pynetdicom import AE, _config
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from mpi.demo.objects import Planned
from mpi.errors import Unavailable

CONTEXTS = 100  # an association holds 128 at most


def send(objects: Sequence[Planned], *, ae_title: str, called: str, host: str, port: int) -> dict[str, int]:
    """C-STORE status by SOP Instance UID. Raises Unavailable when the gateway takes no association."""
    statuses: dict[str, int] = {}
    pairs = sorted({(planned.sop_class_uid, planned.transfer_syntax) for planned in objects})
    _config.STORE_SEND_CHUNKED_DATASET = True  # the bytes of the file, not a data set written anew
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, len(pairs), CONTEXTS):
            wanted = pairs[start : start + CONTEXTS]
            association = _associate(wanted, ae_title=ae_title, called=called, host=host, port=port)
            try:
                association.send_c_echo()
                for planned in objects:
                    if (planned.sop_class_uid, planned.transfer_syntax) in wanted:
                        path = Path(folder) / "object.dcm"
                        path.write_bytes(planned.data)
                        answer = association.send_c_store(path)
                        statuses[planned.sop_instance_uid] = int(answer.Status) if "Status" in answer else -1
            finally:
                association.release()
    return statuses


def _associate(
    contexts: Sequence[tuple[str, str]], *, ae_title: str, called: str, host: str, port: int
) -> Association:
    entity = AE(ae_title=ae_title)
    entity.add_requested_context(Verification)
    for sop_class, syntax in contexts:
        entity.add_requested_context(sop_class, syntax)
    association = entity.associate(host, port, ae_title=called)
    if not association.is_established:
        raise Unavailable("The gateway takes no association.")
    if association.dul.socket is not None and association.dul.socket.socket is not None:
        association.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return association
