"""What a coercion aims at, and what it reports: plain data between the index, the splice and the archives."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

_OID = re.compile(r"(?:urn:oid:)?([0-2](?:\.(?:0|[1-9][0-9]*))+)", re.IGNORECASE)


def oid_of(universal_id: str | None, kind: str | None) -> str | None:
    """A universal id as a plain OID, without `urn:oid:`; None when it or its type is of another kind."""
    found = _OID.fullmatch((universal_id or "").strip())
    return found[1] if found and (kind or "ISO").strip().upper() in ("ISO", "") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualifiedId:
    """A patient id with its issuer: `label` for (0010,0021), `oid` for (0040,0032). None = unknown."""

    value: str
    label: str | None = None
    oid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The identity an object should carry.

    `patient_id`: the surviving E-ID under our namespace. `received`: the id as the sender told it.
    `other_ids`: further ids that this archive may see (A-ID, allow-listed domains). `at`: the decision's
    time, aware, written to Coercion and Modification Date Time, the same at every resend. `system`:
    product@site/version for Modifying System, at most 64 characters. `source`: calling AE, STOW peer or
    archive. `name`, `birth_date`, `sex`: golden values, None = leave.
    """

    patient_id: QualifiedId
    received: QualifiedId
    at: datetime
    system: str
    source: str
    reason: Literal["COERCE", "CORRECT"] = "COERCE"
    other_ids: tuple[QualifiedId, ...] = ()
    name: str | None = None
    birth_date: str | None = None
    sex: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TagPlan:
    """What may be written for one archive (settings of the archive, one field a row of the tag plan)."""

    mode: Literal["coerce", "annotate", "pass"] = "coerce"
    write_qualifiers: bool = True
    write_id_type: bool = False
    other_ids: Literal["full", "one", "off"] = "full"
    golden_name: bool = False
    golden_dob_sex: bool = False
    no_utf8: bool = False
    drop_retired_ids: bool = False
    signature_policy: Literal["strip", "hold", "pass"] = "strip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One attribute set or removed by us. None = absent before, or removed. Values are for the ledger and the
    screen.
    """

    keyword: str
    tag: int
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coercion:
    """A coerced object. `parts` joined are the bytes (slices of the input between changes, so pixels are not
    copied); `via` says which way proved safe; `notes` are for the operator (audited tails, fallbacks, inner
    identity not changed).
    """

    parts: tuple[bytes | memoryview, ...]
    changes: tuple[Change, ...]
    via: Literal["splice", "pydicom", "untouched"]
    notes: tuple[str, ...] = field(default=())

    def tobytes(self) -> bytes:
        """The whole object in one piece."""
        return b"".join(self.parts)
