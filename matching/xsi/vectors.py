"""Runs the conformance file of XSI-1 part by part, and says which parts are not built yet."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

from matching.nir import find_nir, is_typed_ins, nir_key
from matching.phonetics import phonex
from matching.xsi import n1
from matching.xsi.identifiers import CLASSES, a_ids, canonical, check
from matching.xsi.inputs import XsiInput
from matching.xsi.messages import FAMILIES, messages
from matching.xsi.records import Refusal, XsiRecord, accept
from matching.xsi.tokens import family_key, tokens

SHIPPED = Path(__file__).parents[2] / "data" / "fixtures" / "xsi-1" / "vectors.json"

Document = dict[str, Any]
Check = tuple[str, bool]  # which vector, and whether it holds

_SPECIFICATION = ("XSI-1", "N1")
_METADATA = frozenset({"spec", "normalisation", "status", "provenance", "reference_date", "family_order"})
_BUILT_FAMILIES = frozenset(family.id for family in FAMILIES)


class NotVectors(ValueError):
    """The file is not a conformance file of this specification; the message says why."""


class State(StrEnum):
    """What became of a row. MISSING: the file holds no vector of it."""

    PASSED = "passed"
    FAILED = "failed"
    MISSING = "missing"
    NOT_BUILT = "not built yet"


@dataclass(frozen=True, slots=True)
class Row:
    """A part of the file, or a share of it; `run` gives its checks, None = not built yet."""

    part: str
    covers: str
    run: Callable[[Document], Iterable[Check]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of a row: how many checks were made, and which failed (by id or place, not value)."""

    part: str
    covers: str
    state: State
    checked: int = 0
    failures: tuple[str, ...] = ()


def load(path: Path) -> Document:
    """The conformance file. Raises NotVectors."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise NotVectors(f"{path}: {error.strerror}") from None
    except ValueError:
        raise NotVectors(f"{path} is not JSON in UTF-8") from None
    found = (document.get("spec"), document.get("normalisation")) if isinstance(document, dict) else None
    if found != _SPECIFICATION:
        raise NotVectors(f"{path} does not say that it is of {' with '.join(_SPECIFICATION)}")
    return dict(document)


def run(document: Document) -> tuple[Result, ...]:
    """One result a row of `ROWS`, then the parts of the file that no row knows.

    The `reference_date` of the file stands for today.
    """
    unknown = sorted(document.keys() - _METADATA - {row.part for row in ROWS})
    return (
        *(_run_row(row, document) for row in ROWS),
        *(Result(part=part, covers="unknown here", state=State.NOT_BUILT) for part in unknown),
    )


def _run_row(row: Row, document: Document) -> Result:
    checks: list[Check] = []
    state = State.MISSING
    if row.part in document:
        state = State.NOT_BUILT
        if row.run is not None:
            checks = _checks(row.run, document)
            state = State.PASSED if checks else State.MISSING
    failures = tuple(label for label, holds in checks if not holds)
    return Result(
        part=row.part,
        covers=row.covers,
        state=State.FAILED if failures else state,
        checked=len(checks),
        failures=failures,
    )


def _checks(run: Callable[[Document], Iterable[Check]], document: Document) -> list[Check]:
    """The checks of a row; a vector of another form ends it with a failure."""
    checks: list[Check] = []
    try:
        checks.extend(run(document))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        checks.append((f"malformed vectors ({type(error).__name__})", False))
    return checks


def _input(told: Document) -> XsiInput:
    return XsiInput(**{**told, "attributes": frozenset(told.get("attributes", ()))})


def _accept(document: Document, told: Document) -> XsiRecord | Refusal:
    return accept(_input(told), today=date.fromisoformat(document["reference_date"]))


def _pilot_key(document: Document) -> bytes:
    return bytes.fromhex(document["keys"]["hmac"]["domain_key_hex"])


def _hmac_key(document: Document) -> Iterator[Check]:
    expected = document["keys"]["hmac"]["token_key_NX_hex"]
    yield "token key NX", family_key(_pilot_key(document), "NX").hex() == expected


def _n1(name: str) -> tuple[n1.Words, str] | str:
    """Words and letters of a name, or the code of its refusal."""
    try:
        words = n1.words(name)
    except n1.Refused as refused:
        return refused.code
    return words, n1.letters(words)


def _names(document: Document) -> Iterator[Check]:
    for place, vector in enumerate(document["n1"]["accepted"]):
        expected = tuple(vector["words"]), vector["letters"]
        composed, decomposed = (unicodedata.normalize(form, vector["input"]) for form in ("NFC", "NFD"))
        forms = (vector["input"], composed, decomposed, " ".join(vector["words"]))
        yield f"accepted {place}", all(_n1(form) == expected for form in forms)
    for place, vector in enumerate(document["n1"]["refused"]):
        yield f"refused {place}", _n1(vector["input"]) == vector["code"]


def _phonex(document: Document) -> Iterator[Check]:
    for group in ("published_14", "on_n1_words"):
        for place, vector in enumerate(document["phonex"][group]):
            yield f"{group} {place}", phonex(vector["word"]) == vector["code"]


def _persons(document: Document) -> Iterator[Check]:
    key, epoch = _pilot_key(document), document["keys"]["hmac"]["epoch"]
    for person in document["persons"]:
        record = _accept(document, person["input"])
        if isinstance(record, Refusal):
            yield f"{person['id']} refused", False
            continue
        yield f"{person['id']} flags", record.flags == frozenset(person["flags"])
        told, keyed = messages(record), tokens(record, key)
        for family in FAMILIES:
            expected = person["tokens"].get(family.id, [])
            found = list(zip(told.get(family.id, ()), keyed.get(family.id, ()), strict=True))
            yield (
                f"{person['id']} {family.id}",
                found
                == [(bytes.fromhex(one["message_hex"]), bytes.fromhex(one["hmac"])) for one in expected],
            )
        ids = a_ids(record, key, epoch)
        for family_id, letter in CLASSES.items():
            expected_id = person.get(f"aid{letter}_hmac")
            yield f"{person['id']} A-ID {letter}", ids.get(family_id) == expected_id


def _equal_classes(document: Document) -> Iterator[Check]:
    told = {person["id"]: person["input"] for person in document["persons"]}
    for members in document["equal_classes"]:
        records = [_accept(document, told[member]) for member in members]
        sets = [messages(record) for record in records if isinstance(record, XsiRecord)]
        same = len(sets) == len(members) and all(found == sets[0] for found in sets)
        yield " = ".join(members), same


def _refused_records(document: Document) -> Iterator[Check]:
    for vector in document["refused_records"]:
        yield vector["id"], _accept(document, vector["input"]) == Refusal(vector["code"])


def _trait_cases(document: Document) -> Iterator[Check]:
    for vector in document["trait_cases"]:
        record = _accept(document, vector["input"])
        holds = (
            isinstance(record, XsiRecord)
            and record.warnings == ((vector["code"],) if vector["code"] else ())
            and messages(record).keys() == _BUILT_FAMILIES & set(vector["families"])
        )
        yield vector["id"], holds


def _check_digits(document: Document) -> Iterator[Check]:
    part = document["check_digits"]
    for place, value in enumerate(part["valid"]):
        yield f"valid {place}", check(value)
    for place, vector in enumerate(part["invalid"]):
        yield f"invalid {place}", not check(vector["value"])
    for place, vector in enumerate(part["undetected"]):
        yield f"undetected {place}", check(vector["valid"]) and check(vector["also_valid_by_check_digits"])
    for place, vector in enumerate(part["typed_forms"]):
        yield f"typed form {place}", canonical(vector["typed"]) == vector["canonical"]


def _nir(document: Document) -> Iterator[Check]:
    part = document["nir"]
    for place, vector in enumerate(part["keys"]):
        yield f"key {place}", nir_key(vector["number13"]) == vector["key"]
    for vector in part["text"]:
        found = find_nir(vector["text"], kind=vector["kind"], **vector.get("record", {}))
        outcome = "clear" if found is None else "suspect" if found.suspect else "nir"
        yield vector["id"], (outcome, found and found.rule) == (vector["expect"], vector["rule"])
    for vector in part["typed"]:
        typed = is_typed_ins(vector.get("system") or vector.get("cx4"), vector.get("cx5"))
        yield (
            vector["id"],
            ("nir" if typed else "clear", "R1" if typed else None)
            == (
                vector["expect"],
                vector["rule"],
            ),
        )


# In the order of section 15. A part that is built in shares has a row for each of them.
ROWS: tuple[Row, ...] = (
    Row("keys", "mode hmac", _hmac_key),
    Row("keys", "modes oprf and voprf"),
    Row("rfc9497", "RFC 9497 A.1.1 and A.1.2"),
    Row("n1", "names, NFC and NFD, idempotence", _names),
    Row("phonex", "Brouard's code", _phonex),
    Row("persons", "flags; A4 and A5 in mode hmac; A-ID", _persons),
    Row("persons", "the twelve other families"),
    Row("persons", "modes oprf and voprf"),
    Row("equal_classes", "A4 and A5", _equal_classes),
    Row("equal_classes", "the twelve other families"),
    Row("pairs", "agreement patterns"),
    Row("refused_records", "codes, in their order", _refused_records),
    Row("trait_cases", "warnings; A4 and A5", _trait_cases),
    Row("trait_cases", "the twelve other families"),
    Row("voprf_transcript", "batch with its proof"),
    Row("element_refusals", "identity and non-canonical elements"),
    Row("exchange", "proof of a token between two sites"),
    Row("check_digits", "A-ID, E-ID, typed forms", _check_digits),
    Row("decisions", "outcomes of hashed records"),
    Row("nir", "key, text, typed", _nir),
)
