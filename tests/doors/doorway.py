"""The index behind a real HTTP server on a free loopback port, and who may call it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from mpi.app import index_app
from mpi.doors.rest.server import HttpServer
from mpi.flows.matcher import Matcher
from mpi.security.actors import Role
from mpi.security.senders import add_authority, add_sender
from mpi.settings import Settings
from mpi.store.transaction import Database

AT = datetime(2026, 11, 24, 8, tzinfo=UTC)

ANNE = {
    "birth_name": "LEFEVRE",
    "family_name": "MARTIN",
    "given_names": "ANNE MARIE",
    "sex": "F",
    "birth_date": "1958-02-28",
    "birth_place": "75056",
}
JEAN = {
    "birth_name": "KERVADEC",
    "given_names": ["JEAN", "YVES"],
    "sex": "M",
    "birth_date": "1971-09-13",
    "birth_place": "29019",
}

AUTHORITIES = {"HOPITAL-A": "1.2.250.1.71.4.2.2.901", "HOPITAL-B": "1.2.250.1.71.4.2.2.902"}

# Callers by the name tests give them: the authorities they speak for, their roles, their AE title.
CALLERS: dict[str, tuple[list[str], list[Role], str | None]] = {
    "sender-a": (["HOPITAL-A"], [Role.SENDER], "SCANNER_A"),
    "sender-b": (["HOPITAL-B"], [Role.SENDER], "SCANNER_B"),
    "both": (["HOPITAL-A", "HOPITAL-B"], [Role.SENDER, Role.READER], None),
    "reader": ([], [Role.READER], None),
    "clerk": ([], [Role.CLERK], None),
    "auditor": ([], [Role.AUDITOR], None),
    "security-admin": ([], [Role.SECURITY_ADMIN], None),
}


def invite(db: Database) -> dict[str, str]:
    """Declares authorities and callers in a fresh database; the callers' keys by name."""
    keys = {}
    with db.write() as tx:
        for name, oid in AUTHORITIES.items():
            add_authority(tx, name=name, oid=oid, at=AT)
        for name, (authorities, roles, ae_title) in CALLERS.items():
            keys[name] = add_sender(
                tx, name=name, authorities=authorities, roles=roles, ae_title=ae_title, at=AT
            )
    return keys


@dataclass
class Doorway:
    """A running index. `client(name)` calls it with that caller's key, `client(None)` without one."""

    db: Database
    settings: Settings
    server: HttpServer
    keys: dict[str, str]
    _clients: dict[str | None, httpx.Client] = field(default_factory=dict)

    @classmethod
    def open(
        cls, db: Database, keys: dict[str, str], data_dir: Path, matcher: Matcher, **others: Any
    ) -> Doorway:
        """Starts the application on `db`; `others` are settings."""
        settings = Settings(data_dir=data_dir, **others)
        server = HttpServer(index_app(db, matcher, settings), host="127.0.0.1", port=0, name="index")
        server.start()
        return cls(db=db, settings=settings, server=server, keys=keys)

    def client(self, name: str | None) -> httpx.Client:
        """A client with this caller's key."""
        if name not in self._clients:
            headers = {"Authorization": f"Bearer {self.keys[name]}"} if name else {}
            self._clients[name] = httpx.Client(base_url=self.server.url, headers=headers, timeout=30)
        return self._clients[name]

    def identify(self, caller: str, local_id: str, traits: dict[str, Any], **others: Any) -> dict[str, Any]:
        """One record of the caller's (first) authority, told and answered with 200."""
        body = {"authority": CALLERS[caller][0][0], "local_id": local_id, "traits": traits, **others}
        answer = self.client(caller).post("/v1/identify", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def close(self) -> None:
        """Stops the server and closes the clients."""
        for client in self._clients.values():
            client.close()
        self.server.stop()
        self.db.close()
