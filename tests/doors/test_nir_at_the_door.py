"""A social security number put into any text of any route is found in no file, no log line and no answer.

The numbers are fictitious (order number 000) and made here with their key.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.nir import nir_key
from tests.doors.doorway import Doorway

GROUPS = [0, 1, 3, 5, 7, 10, 13, 15]  # sex, year, month, department, commune, order, key


def grouped(nir: str, separator: str) -> str:
    """`1 85 05 75 056 000 41`."""
    return separator.join(nir[start:end] for start, end in itertools.pairwise(GROUPS))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "spaces": lambda nir: grouped(nir, " "),
    "dots": lambda nir: grouped(nir, "."),
    "hyphens": lambda nir: grouped(nir, "-"),
    "no-break spaces": lambda nir: grouped(nir, "\u00a0"),
    "full width": lambda nir: "".join(chr(ord(sign) + 0xFEE0) for sign in nir),
    "in words": lambda nir: f"NIR {nir} (assurée)",
    "without key": lambda nir: nir[:13],
}


@dataclass(frozen=True)
class Number:
    """A fictitious number and the person that it agrees with."""

    nir: str

    @property
    def birth(self) -> str:
        return f"19{self.nir[1:3]}{self.nir[3:5]}14"

    @property
    def sex(self) -> str:
        return "M" if self.nir[0] == "1" else "F"


@st.composite
def numbers(draw: st.DrawFn) -> Number:
    """Any sex, year, month, department (Corsica too) and commune; order number 000."""
    department = draw(st.sampled_from(["2A", "2B", *(f"{one:02d}" for one in range(1, 96))]))
    body = (
        draw(st.sampled_from("12"))
        + f"{draw(st.integers(0, 99)):02d}{draw(st.integers(1, 12)):02d}"
        + department
        + f"{draw(st.integers(1, 990)):03d}000"
    )
    return Number(body + nir_key(body))


def person(number: Number) -> dict[str, Any]:
    """Every field of the schema of people, filled."""
    return {
        "family_name": "MARTIN",
        "birth_name": "LEFEVRE",
        "given_names": ["ANNE", "MARIE"],
        "used_given_name": "ANNE",
        "sex": number.sex,
        "birth_date": number.birth,
        "birth_place": "75056",
        "address": "12 RUE DES LILAS",
        "postal_code": "75012",
        "city": "PARIS",
        "country": "FRA",
        "phone": ["0612345678", "0145678901"],
        "email": "anne@example.org",
        "multiple_birth": "1",
        "death_date": "2020-01-01",
        "status": "VALI",
        "attributes": ["HOMA"],
        "flags": "newborn",
        "identifiers": [{"value": "77", "issuer": "1.2.3.4", "type": "PI"}],
    }


def record(number: Number) -> dict[str, Any]:
    """A whole body of identify."""
    return {
        "authority": "HOPITAL-A",
        "local_id": "0042",
        "traits": person(number),
        "study": {
            "study_instance_uid": "1.2.840.99.60",
            "modality": "CT",
            "at": "2026-11-24T08:00:00Z",
            "archive": "main",
            "description": "Thorax",
            "accession_number": "A-17",
        },
    }


def question(number: Number) -> dict[str, Any]:
    """A whole body of match."""
    return {"authority": "HOPITAL-A", "local_id": "0042", "traits": person(number)}


def data_set(number: Number) -> dict[str, Any]:
    """Public, private, nested and unknown elements."""
    other = {"00100020": {"vr": "LO", "Value": ["77"]}, "00100021": {"vr": "LO", "Value": ["HOPITAL-B"]}}
    return {
        "00080015": {"vr": "DT", "Value": ["20200101"]},
        "00080050": {"vr": "SH", "Value": ["A-17"]},
        "00080060": {"vr": "CS", "Value": ["CT"]},
        "00080080": {"vr": "LO", "Value": ["HOPITAL A"]},
        "00081030": {"vr": "LO", "Value": ["Thorax"]},
        "00090010": {"vr": "LO", "Value": ["ACME"]},
        "00091010": {"vr": "UN", "Value": ["note"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "MARTIN^ANNE", "Phonetic": "MARTIN"}]},
        "00101005": {"vr": "PN", "Value": [{"Alphabetic": "LEFEVRE^ANNE"}]},
        "00100020": {"vr": "LO", "Value": ["0042"]},
        "00100021": {"vr": "LO", "Value": ["HOPITAL-A"]},
        "00100024": {"vr": "SQ", "Value": [{"00400032": {"vr": "UT", "Value": ["1.2.250.1.71.4.2.2.901"]}}]},
        "00100030": {"vr": "DA", "Value": [number.birth]},
        "00100040": {"vr": "CS", "Value": [number.sex]},
        "00101002": {"vr": "SQ", "Value": [other]},
        "00104000": {"vr": "LT", "Value": ["comment"]},
        "0020000D": {"vr": "UI", "Value": ["1.2.840.99.61"]},
        "04000561": {"vr": "SQ", "Value": [{"04000550": {"vr": "SQ", "Value": [other]}}]},
    }


BODIES = {"/v1/identify": record, "/v1/match": question, "/v1/dicom/coerce": data_set}
PATHS = [
    "/v1/records/{}/1",
    "/v1/records/HOPITAL-A/{}",
    "/v1/identities/{}",
    "/v1/identities/{}/studies",
    "/v1/studies/{}",
    "/{}",
    "/v1/studies/1.2.3?note={}",
]
QUERIES = ["archive", "calling_ae", "note"]
HEADERS = ["Idempotency-Key", "Authorization", "User-Agent", "X-Note"]


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the texts of a body stand."""
    if isinstance(node, dict):
        for name, below in node.items():
            yield from leaves(below, (*path, name))
    elif isinstance(node, list):
        for place, below in enumerate(node):
            yield from leaves(below, (*path, place))
    else:
        yield path


SOMEBODY = Number("185057500100000")
PLACES: list[tuple[str, Any]] = [
    *((route, path) for route, body in BODIES.items() for path in leaves(body(SOMEBODY))),
    *((route, "new key") for route in BODIES),
    ("/v1/identify", "new key in traits"),
    ("/v1/match", "new key in traits"),
    *(("/v1/dicom/coerce", f"query {name}") for name in QUERIES),
    *((route, f"header {name}") for route in BODIES for name in HEADERS),
    *(("GET", path) for path in PATHS),
]

# Where the number itself hides what a number without a key must agree with.
WITHOUT_AGREEMENT = {"sex", "birth_date", "00100030", "00100040"}


counter = itertools.count()


def send(door: Doorway, place: tuple[str, Any], text: str, number: Number, local_id: str) -> httpx.Response:
    """One request with `text` in its place; everything else is as it should be."""
    client = door.client("both")
    route, where = place
    if route == "GET":
        return client.get(where.format(quote(text, safe="")))
    body = deepcopy(BODIES[route](number))
    if "local_id" in body:
        body["local_id"] = local_id
    uid = f"1.2.840.99.60.{next(counter)}"  # a study of its own, so that what it says is stored
    if "study" in body:
        body["study"]["study_instance_uid"] = uid
    elif "0020000D" in body:
        body["0020000D"]["Value"] = [uid]
    headers = {
        b"Content-Type": b"application/dicom+json" if "dicom" in route else b"application/json",
    }
    query = {}
    if isinstance(where, tuple):
        holder = body
        for step in where[:-1]:
            holder = holder[step]
        holder[where[-1]] = text
    elif where == "new key":
        body[text] = "x"
    elif where == "new key in traits":
        body["traits"][text] = "x"
    elif where.startswith("query "):
        query[where.removeprefix("query ")] = text
    else:
        name = where.removeprefix("header ")
        headers[name.encode()] = (f"Bearer {text}" if name == "Authorization" else text).encode()
    return client.post(route, content=json.dumps(body), params=query, headers=headers)


def found(haystack: bytes, number: Number, text: str) -> bool:
    """Whether the number stands in these bytes, however it is written."""
    flat = haystack.translate(None, b" .-")
    spelled = (text.encode(), json.dumps(text)[1:-1].encode(), quote(text).encode())
    return number.nir[:13].encode() in flat or any(one in haystack for one in spelled)


def kept(folder: Path) -> bytes:
    """Every file below, joined."""
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def server_lines(caplog: pytest.LogCaptureFixture) -> bytes:
    """What the server logged; the client's own libraries are the test's."""
    own = (one for one in caplog.records if not one.name.startswith(("httpx", "httpcore")))
    return "\n".join(f"{one.getMessage()} {one.exc_text}" for one in own).encode()


def check(
    door: Doorway, caplog: pytest.LogCaptureFixture, place: tuple[str, Any], spelling: str, number: Number
) -> None:
    """Sends one number and looks for it everywhere."""
    if spelling == "without key" and isinstance(place[1], tuple) and WITHOUT_AGREEMENT & set(place[1]):
        return
    caplog.clear()
    text = SPELLINGS[spelling](number.nir)
    answer = send(door, place, text, number, f"id-{next(counter)}")
    assert answer.status_code < 500, (place, answer.text)
    headers = b"\n".join(name + value for name, value in answer.headers.raw)
    for what, haystack in {
        "answer": answer.content + headers,
        "log": server_lines(caplog),
        "files": kept(door.settings.data_dir),
    }.items():
        assert not found(haystack, number, text), (what, place, spelling)


def test_no_text_of_any_route_keeps_a_number(door: Doorway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = "1850575056000"
    number = Number(body + nir_key(body))
    for place in PLACES:
        check(door, caplog, place, "plain", number)
    with door.db.read() as tx:
        counts = tx.exec_driver_sql("SELECT door, field, rule, count FROM nir_count").all()
    assert {one.rule for one in counts} <= {"R1", "R2", "R3"}
    assert {"family_name", "patient_id", "Idempotency-Key", "local_id", "study.description"} <= {
        one.field for one in counts
    }
    assert not found(repr(counts).encode(), number, number.nir)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
@given(place=st.sampled_from(PLACES), spelling=st.sampled_from(sorted(SPELLINGS)), number=numbers())
def test_no_spelling_of_any_number_is_kept(
    door: Doorway,
    caplog: pytest.LogCaptureFixture,
    place: tuple[str, Any],
    spelling: str,
    number: Number,
) -> None:
    caplog.set_level(logging.DEBUG)
    check(door, caplog, place, spelling, number)


@pytest.mark.parametrize("kind", [int, float])
def test_a_number_of_json_is_a_text_of_dicom(door: Doorway, kind: type[float]) -> None:
    body = "1850575056000"
    real = kind(body + nir_key(body))
    elements = {**data_set(Number(body + nir_key(body))), "00100020": {"vr": "DS", "Value": [real]}}
    answer = door.client("both").post(
        "/v1/dicom/coerce", json=elements, headers={"Content-Type": "application/dicom+json"}
    )
    assert answer.status_code == 200
    assert answer.json()["provisional"] is True  # a patient without an id
    assert {"field": "patient_id", "rule": "R2"} in answer.json()["dropped"]
    assert not found(kept(door.settings.data_dir), Number(body + nir_key(body)), body)


INS_OID = "1.2.250.1.213.1.4.8"


@pytest.mark.parametrize(
    "said",
    [
        {"00100021": {"vr": "LO", "Value": ["ASIP-SANTE-INS-NIR"]}},
        {"00100024": {"vr": "SQ", "Value": [{"00400032": {"vr": "UT", "Value": [INS_OID]}}]}},
        {"00100024": {"vr": "SQ", "Value": [{"00400035": {"vr": "CS", "Value": ["INS-NIR"]}}]}},
        {"00100020": {"vr": "LO", "Value": [f"1234^^^X&{INS_OID}&ISO"]}},
        {"00100020": {"vr": "LO", "Value": ["1234^^^X&1.2.3&ISO^INS"]}},
    ],
    ids=["issuer", "universal id", "type code", "glued issuer", "glued type"],
)
def test_a_patient_id_that_calls_itself_one_is_emptied_whatever_it_holds(
    door: Doorway, said: dict[str, Any]
) -> None:
    elements = {**data_set(Number("185057505600041")), "00100020": {"vr": "LO", "Value": ["1234"]}, **said}
    answer = door.client("both").post(
        "/v1/dicom/coerce", json=elements, headers={"Content-Type": "application/dicom+json"}
    )
    assert answer.status_code == 200, answer.text
    assert {"field": "patient_id", "rule": "R1"} in answer.json()["dropped"]
    assert answer.json()["provisional"] is True  # a patient without an id
    assert "1234" not in [
        one["00100020"]["Value"][0] for one in answer.json()["coerced"]["00101002"]["Value"]
    ]


def test_the_sender_learns_where_a_number_was_dropped_and_never_the_number(door: Doorway) -> None:
    body = "2580275056000"
    nir = body + nir_key(body)
    told = {**person(Number(nir)), "phone": [nir, "0612345678"]}
    answer = door.identify("sender-a", "0042", told)
    assert answer["dropped"] == [{"field": "phone.0", "rule": "R2"}]
    refused = door.client("sender-a").post(
        "/v1/identify", json={"authority": "HOPITAL-A", "local_id": nir, "traits": person(Number(nir))}
    )
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"field": "local_id", "rule": "R2"}]


@pytest.mark.parametrize(
    ("route", "change", "status", "field"),
    [
        ("/v1/match", ("local_id",), 422, "local_id"),
        ("/v1/match", ("authority",), 422, "authority"),
        ("/v1/identify", ("study", "archive"), 422, "study.archive"),
    ],
)
def test_a_number_in_the_place_of_a_name_is_refused_and_counted(
    door: Doorway, route: str, change: tuple[str, ...], status: int, field: str
) -> None:
    body = "1850575056000"
    number = Number(body + nir_key(body))
    answer = send(door, (route, change), number.nir, number, "0042")
    assert answer.status_code == status
    assert answer.json()["errors"][0]["field"] == field
    with door.db.read() as tx:
        assert tx.exec_driver_sql("SELECT door, field, rule, count FROM nir_count").all() == [
            ("rest", field, "R2", 1)
        ]


@pytest.mark.parametrize("method", ["185057505600041", "2580275A56000"])
def test_a_number_in_the_place_of_the_method_is_not_logged(
    door: Doorway, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = door.client("both").request(method, "/v1/identify")
    assert answer.status_code in (400, 404, 405)
    assert method not in answer.text
    assert method not in server_lines(caplog).decode()
