"""The DICOM door: C-STORE and C-ECHO over pynetdicom, nothing decoded on the way through.

pynetdicom's own log of messages and identifiers is off: it would write names.
"""

from __future__ import annotations

import logging
import socket
from typing import Any

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, _config, evt
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pynetdicom.transport import ThreadedAssociationServer

from mpi.errors import MpiError, Unavailable
from mpi.gateway.answers import Answer
from mpi.gateway.reading import Incoming
from mpi.gateway.reception import Reception
from mpi.gateway.spool import Spool
from mpi.security.senders import sender_of_ae
from mpi.settings import Settings
from mpi.store.transaction import Database

log = logging.getLogger(__name__)

MAXIMUM_PDU = 262_144  # bytes; the usual 16 kB costs a third of the rate
MAXIMUM_ASSOCIATIONS = 100
NETWORK_TIMEOUT = 120.0  # seconds without a word

# Result, source, reason of a rejected association (PS3.8 section 9.3.4).
CALLING_AE_NOT_RECOGNISED = (0x01, 0x01, 0x03)
LOCAL_LIMIT_EXCEEDED = (0x02, 0x03, 0x02)


def quieten() -> None:
    """Turns pynetdicom's message and identifier logs off, and accepts storage of every class."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)


class StoreScp:
    """Listens from `start` to `stop`; port 0 takes a free one."""

    def __init__(
        self, settings: Settings, db: Database, spool: Spool, reception: Reception, *, archive: str
    ) -> None:
        quieten()
        self._settings = settings
        self._db = db
        self._spool = spool
        self._reception = reception
        self._archive = archive
        self._silent = frozenset(settings.warning_status_off)
        self._server: ThreadedAssociationServer | None = None

    @property
    def port(self) -> int:
        """The bound port. Raises Unavailable before `start`."""
        if self._server is None:
            raise Unavailable("The DICOM door is not open.")
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Binds and listens. Raises MpiError when the port is taken."""
        entity = AE(ae_title=self._settings.ae_title)
        entity.require_called_aet = self._settings.require_called_ae
        entity.maximum_associations = MAXIMUM_ASSOCIATIONS
        entity.maximum_pdu_size = MAXIMUM_PDU
        entity.network_timeout = NETWORK_TIMEOUT
        try:
            self._server = entity.start_server(
                (self._settings.dimse_host, self._settings.dimse_port),
                block=False,
                contexts=[build_context(Verification, ALL_TRANSFER_SYNTAXES)],
                evt_handlers=[
                    (evt.EVT_CONN_OPEN, _without_delay),
                    (evt.EVT_REQUESTED, self._on_request),
                    (evt.EVT_C_STORE, self._on_store),
                ],
            )
        except OSError as error:
            raise MpiError(
                f"The DICOM door cannot listen on port {self._settings.dimse_port}: {error.strerror}."
            ) from error

    def stop(self) -> None:
        """Takes no new association and ends those that are open."""
        if self._server is None:
            return
        for association in self._server.active_associations:
            association.abort()
        self._server.shutdown()

    def _on_request(self, event: evt.Event) -> None:
        """Turns callers away before they send: no room, or an AE that is not declared and must be."""
        asked: Any = event.assoc.requestor.primitive
        reason = None
        if self._spool.rejecting:
            reason = LOCAL_LIMIT_EXCEEDED
        elif self._settings.unknown_calling_ae == "refuse" and not self._declared(asked.calling_ae_title):
            reason = CALLING_AE_NOT_RECOGNISED
        if reason is not None:
            event.assoc.acse.send_reject(*reason)
            event.assoc.is_rejected = True

    def _declared(self, calling_ae: str) -> bool:
        """True while the database is away: the object is judged later."""
        try:
            with self._db.read() as tx:
                return sender_of_ae(tx, calling_ae) is not None
        except Unavailable:
            return True

    def _on_store(self, event: evt.Event) -> int:
        """The C-STORE status. Whatever happens here, no value reaches the log."""
        request: Any = event.request
        try:
            calling_ae = str(event.assoc.requestor.ae_title).strip()
            answer = self._reception.take(
                Incoming(
                    data=event.encoded_dataset(include_meta=False),
                    door="dimse",
                    archive=self._archive,
                    transfer_syntax=str(event.context.transfer_syntax),
                    calling_ae=calling_ae,
                    peer=str(event.assoc.requestor.address),
                    sop_class_uid=_uid(request.AffectedSOPClassUID),
                    sop_instance_uid=_uid(request.AffectedSOPInstanceUID),
                )
            )
        except Exception as error:
            log.error("C-STORE: %s", type(error).__name__)
            return Answer.FAILED.status
        if answer is Answer.COERCED and calling_ae in self._silent:
            return Answer.UNCHANGED.status
        return answer.status


def _uid(announced: object) -> str | None:
    return str(announced).strip("\0 ") if announced else None


def _without_delay(event: evt.Event) -> None:
    """TCP_NODELAY: with Nagle's algorithm every object waits 40 ms for an acknowledgement."""
    transport: Any = event.assoc.dul.socket
    transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
