"""The invented people of data/fixtures/demo.json: sites, what they say of whom, and the studies they send."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpi.errors import NotFound

FIXTURES = Path(__file__).parents[2] / "data" / "fixtures" / "demo.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One hospital: its assigning authority, and the AE title of its modality."""

    authority: str
    oid: str
    label: str
    ae_title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one site says of one person. `person` is the truth, never shown to the index."""

    story: str
    person: str
    authority: str
    local_id: str
    in_register: bool
    traits: dict[str, Any]

    @property
    def label(self) -> str:
        """Name and local id as a person would say them."""
        given = " ".join(self.traits.get("given_names", []))
        return f"{self.traits.get('family_name', '?')} {given}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStudy:
    """One study to send: whose, from which sample object, how many images."""

    study: str
    authority: str
    local_id: str
    sample: str
    date: str
    time: str
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The whole fixture file."""

    seed: int
    sites: tuple[Site, ...]
    records: tuple[Told, ...]
    studies: tuple[PlannedStudy, ...]

    def site(self, authority: str) -> Site:
        """The site that speaks for `authority`."""
        return next(site for site in self.sites if site.authority == authority)

    def told(self, authority: str, local_id: str) -> Told | None:
        """The record behind a local id; None for the unidentified emergency patient."""
        found = (r for r in self.records if (r.authority, r.local_id) == (authority, local_id))
        return next(found, None)


def load(path: Path = FIXTURES) -> Cast:
    """Reads the fixtures. Raises NotFound when this is not a clone of the repository."""
    if not path.is_file():
        raise NotFound("The demonstration's people are in data/fixtures/demo.json: run it from a clone.")
    data = json.loads(path.read_text(encoding="utf-8"))
    return Cast(
        seed=data["seed"],
        sites=tuple(
            Site(authority=s["authority"], oid=s["oid"], label=s["label"], ae_title=s["ae_title"])
            for s in data["sites"]
        ),
        records=tuple(Told(**record) for record in data["records"]),
        studies=tuple(PlannedStudy(**study) for study in data["studies"]),
    )
