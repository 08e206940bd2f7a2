"""The modality of the demonstration: sends objects by C-STORE and keeps the status of each."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from io import BytesIO

from pydicom import dcmread
from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from mpi.demo.objects import Planned
from mpi.errors import Unavailable

CONTEXTS = 100  # an association holds 128 at most


def send(objects: Sequence[Planned], *, ae_title: str, called: str, host: str, port: int) -> dict[str, int]:
    """C-STORE status by SOP Instance UID. Raises Unavailable when the gateway takes no association."""
    statuses: dict[str, int] = {}
    pairs = sorted({(planned.sop_class_uid, planned.transfer_syntax) for planned in objects})
    for start in range(0, len(pairs), CONTEXTS):
        wanted = pairs[start : start + CONTEXTS]
        entity = AE(ae_title=ae_title)
        entity.add_requested_context(Verification)
        for sop_class, syntax in wanted:
            entity.add_requested_context(sop_class, syntax)
        association = entity.associate(host, port, ae_title=called)
        if not association.is_established:
            raise Unavailable("The gateway takes no association.")
        if association.dul.socket is not None and association.dul.socket.socket is not None:
            association.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            association.send_c_echo()
            for planned in objects:
                if (planned.sop_class_uid, planned.transfer_syntax) in wanted:
                    answer = association.send_c_store(dcmread(BytesIO(planned.data)))
                    statuses[planned.sop_instance_uid] = int(answer.Status) if "Status" in answer else -1
        finally:
            association.release()
    return statuses
