"""Runs the main job: registers over HTTP, studies over C-STORE, every object read back from the archive."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from mpi.app import index_app
from mpi.demo import orthanc
from mpi.demo.cast import Cast, load
from mpi.demo.objects import Planned, build
from mpi.demo.send import send
from mpi.demo.verify import Wanted, new_complaints, validators, verify
from mpi.doors.rest.server import HttpServer
from mpi.errors import MpiError, Unavailable
from mpi.flows.decisions import DecisionView, last_about
from mpi.flows.matcher import Matcher
from mpi.flows.studies import DesiredStudy, desired
from mpi.gateway.archives import InstanceKey
from mpi.gateway.gateway import Gateway
from mpi.gateway.http import gateway_app
from mpi.security.actors import Role
from mpi.security.senders import add_authority, add_sender
from mpi.settings import ArchiveSettings, Settings
from mpi.store.transaction import Database

MARKER = ".mpi-demo"
DRAIN_SECONDS = 120.0
COERCED, STORED = 0xB000, 0x0000


@dataclass(slots=True, kw_only=True)
class Stage:
    """What runs while the demonstration is on."""

    cast: Cast
    settings: Settings
    db: Database
    gateway: Gateway
    index: HttpServer
    gateway_http: HttpServer
    keys: dict[str, str]  # API key by site
    archive: str  # for people: "Orthanc 1.10.1", "folder"


@dataclass(slots=True, kw_only=True)
class Registered:
    """One record of the fixtures, and what the index answered or decided about it."""

    authority: str
    local_id: str
    label: str
    story: str
    person: str
    outcome: str = ""
    identity_id: str = ""
    decision: DecisionView | None = None


@dataclass(slots=True, kw_only=True)
class Outcome:
    """The result, ready to print or to serialise."""

    archive: str
    records: list[Registered] = field(default_factory=list)
    studies_sent: int = 0
    studies_verified: int = 0
    objects_sent: int = 0
    objects_verified: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    changes: list[tuple[str, list[str]]] = field(default_factory=list)
    false_links: list[str] = field(default_factory=list)
    numbers_dropped: int = 0
    validators: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Every study arrived rewritten and readable, and nobody got somebody else's identity."""
        sent = self.studies_sent > 0 and self.studies_sent == self.studies_verified
        return (
            sent and self.objects_sent == self.objects_verified and not self.faults and not self.false_links
        )

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "passed": self.passed,
            "archive": self.archive,
            "records": len(self.records),
            "identities": len({record.identity_id for record in self.records}),
            "outcomes": _counted(record.outcome for record in self.records),
            "studies_sent": self.studies_sent,
            "studies_verified": self.studies_verified,
            "objects_sent": self.objects_sent,
            "objects_verified": self.objects_verified,
            "c_store_statuses": self.statuses,
            "false_links": self.false_links,
            "faults": self.faults,
            "social_security_numbers_dropped": self.numbers_dropped,
            "validators": self.validators,
        }


def _counted(words: Iterator[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for word in words:
        found[word] = found.get(word, 0) + 1
    return dict(sorted(found.items()))


def fresh_folder(data_dir: Path) -> Path:
    """An empty folder of ours. Raises MpiError rather than remove anything that no demonstration made."""
    if data_dir.exists() and any(data_dir.iterdir()):
        if not (data_dir / MARKER).is_file():
            raise MpiError("The data folder is not empty and no demonstration made it: name another one.")
        shutil.rmtree(data_dir)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data_dir / MARKER).touch()
    return data_dir


@contextmanager
def staged(data_dir: Path, *, port: int, with_orthanc: bool = True) -> Iterator[Stage]:
    """Everything started, on loopback; port 0 takes free ones. Stopped in reverse order at the end."""
    cast = load()
    with ExitStack() as running:
        archive, name = ArchiveSettings(), "folder"
        started = orthanc.start(data_dir / "orthanc") if with_orthanc else None
        if started is not None:
            running.callback(started.stop)
            archive = ArchiveSettings(
                driver="orthanc", url=started.url, username=orthanc.USER, password_file=started.password_file
            )
            name = f"Orthanc {started.version}"
        settings = Settings(
            data_dir=data_dir,
            database_url=f"sqlite:///{data_dir / 'mpi.db'}",
            http_port=port,
            gateway_http_port=port + 1 if port else 0,
            dimse_port=11112 if port else 0,
            archives={"main": archive},
        )
        db = Database.open(settings.url)
        running.callback(db.close)
        db.upgrade()
        keys = _declare(db, cast)
        matcher = Matcher.from_settings(settings)
        gateway = Gateway(settings, db, matcher)
        gateway.start()
        running.callback(gateway.stop)
        index = HttpServer(
            index_app(db, matcher, settings), host=settings.http_host, port=settings.http_port, name="index"
        )
        gateway_http = HttpServer(
            gateway_app(gateway), host=settings.http_host, port=settings.gateway_http_port, name="gateway"
        )
        for server in (index, gateway_http):
            server.start()
            running.callback(server.stop)
        yield Stage(
            cast=cast,
            settings=settings,
            db=db,
            gateway=gateway,
            index=index,
            gateway_http=gateway_http,
            keys=keys,
            archive=name,
        )


def _declare(db: Database, cast: Cast) -> dict[str, str]:
    """Declares the sites and their modalities; API key by site. The keys may read weights, to be shown."""
    keys = {}
    now = datetime.now(UTC)
    with db.write() as tx:
        for site in cast.sites:
            add_authority(tx, name=site.authority, oid=site.oid, label=site.label, at=now)
            keys[site.authority] = add_sender(
                tx,
                name=site.ae_title.lower(),
                authorities=[site.authority],
                roles=[Role.SENDER, Role.READER],
                ae_title=site.ae_title,
                at=now,
            )
    return keys


def invented_number(traits: dict[str, Any]) -> str:
    """A fictitious social security number that fits the person: order number 000, so nobody owns it."""
    born = traits["birth_date"]
    first = f"{1 if traits.get('sex') == 'M' else 2}{born[2:4]}{born[5:7]}99999000"
    return f"{first}{97 - int(first) % 97:02d}"


def run(stage: Stage) -> Outcome:
    """Sends everything and checks what the archive holds."""
    result = Outcome(archive=stage.archive, validators=sorted(validators()))
    _send_registers(stage, result)
    planned = build(stage.cast)
    for site in stage.cast.sites:
        own = [one for one in planned if one.study.authority == site.authority]
        statuses = send(
            own,
            ae_title=site.ae_title,
            called=stage.settings.ae_title,
            host=stage.settings.dimse_host,
            port=stage.gateway.dimse_port,
        )
        for status in statuses.values():
            name = f"0x{status:04X}"
            result.statuses[name] = result.statuses.get(name, 0) + 1
        refused = [uid for uid, status in statuses.items() if status not in (COERCED, STORED)]
        result.faults += [f"{uid}: refused by the gateway" for uid in refused]
    result.objects_sent = len(planned)
    result.studies_sent = len({one.study_instance_uid for one in planned})
    if not stage.gateway.drain(DRAIN_SECONDS):
        raise Unavailable("The gateway did not deliver everything in time.")
    _read_back(stage, planned, result)
    _collect(stage, result)
    return result


def _send_registers(stage: Stage, result: Outcome) -> None:
    """What the sites' registers say, over HTTP; one record brings a social security number, to be dropped."""
    with httpx.Client(base_url=stage.index.url, timeout=30) as client:
        for number, record in enumerate(record for record in stage.cast.records if record.in_register):
            traits, flags = dict(record.traits), record.traits.get("flags", [])
            traits.pop("flags", None)
            if number == 0:
                traits["identifiers"] = [{"value": invented_number(traits), "type": "INS-NIR"}]
            body = {
                "authority": record.authority,
                "local_id": record.local_id,
                "traits": traits,
                "flags": flags,
            }
            headers = {
                "Authorization": f"Bearer {stage.keys[record.authority]}",
                "Idempotency-Key": secrets.token_hex(16),
            }
            answer = client.post("/v1/identify", json=body, headers=headers)
            if answer.status_code != 200:
                result.faults.append(f"{record.authority} {record.local_id}: HTTP {answer.status_code}")
            else:
                result.numbers_dropped += len(answer.json().get("dropped", []))


def _read_back(stage: Stage, planned: list[Planned], result: Outcome) -> None:
    """Every object as the archive gives it, against what was sent."""
    archive = stage.gateway.archive()
    good: dict[str, bool] = {}
    for one in planned:
        with stage.db.read() as tx:
            wanted = desired(tx, one.study_instance_uid)
        stored = archive.fetch(
            InstanceKey(
                study_instance_uid=one.study_instance_uid,
                series_instance_uid=one.series_instance_uid,
                sop_instance_uid=one.sop_instance_uid,
            )
        )
        faults, changes = _compare(one, stored, wanted, stage.settings)
        result.faults += [f"{one.study.study} ({one.study.sample}): {fault}" for fault in faults]
        result.objects_verified += not faults
        if one.study_instance_uid not in good:
            result.changes.append((f"{one.study.study} {one.study.sample}", changes))
        good[one.study_instance_uid] = good.get(one.study_instance_uid, True) and not faults
    result.studies_verified = sum(good.values())


def _compare(
    one: Planned, stored: bytes | None, wanted: DesiredStudy | None, settings: Settings
) -> tuple[list[str], list[str]]:
    if wanted is None:
        return ["the index does not know the study"], []
    verdict = verify(
        one.data,
        stored,
        Wanted(
            patient_id=wanted.identity_id,
            issuer_label=settings.issuer_label,
            received_id=one.study.local_id,
        ),
    )
    faults = list(verdict.faults)
    if stored is not None:
        faults += new_complaints(one.data, stored)
    return faults, verdict.changes


def _collect(stage: Stage, result: Outcome) -> None:
    """The last decision about every record, and the truth that the index was never told."""
    owner: dict[str, str] = {}
    with stage.db.read() as tx, httpx.Client(base_url=stage.index.url, timeout=30) as client:
        for record in stage.cast.records:
            answer = client.get(
                f"/v1/records/{record.authority}/{record.local_id}",
                headers={"Authorization": f"Bearer {stage.keys[record.authority]}"},
            )
            decision = last_about(tx, authority=record.authority, local_id=record.local_id)
            registered = Registered(
                authority=record.authority,
                local_id=record.local_id,
                label=record.label,
                story=record.story,
                person=record.person,
                outcome=decision.outcome if decision else "",
                identity_id=answer.json().get("identity_id", "") if answer.status_code == 200 else "",
                decision=decision,
            )
            result.records.append(registered)
            known = owner.setdefault(registered.identity_id, record.person)
            if known != record.person:
                result.false_links.append(f"{registered.label} ({record.authority} {record.local_id})")
