"""Examples of the interface's description: invented people, one request and one answer a call.

No value is null: the description leaves out what is null, and an example would then lack a required field.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from mpi.doors.rest.problems import CODES, PROBLEM_JSON, SENTENCES

IDENTITY_ID = "E4N7Q2WBH6T0M10"

TRAITS = {
    "birth_name": "LEFEVRE",
    "family_name": "MARTIN",
    "given_names": "ANNE MARIE",
    "sex": "F",
    "birth_date": "1958-02-28",
    "birth_place": "75056",
}

IDENTIFY = {
    "authority": "HOPITAL-A",
    "local_id": "0042",
    "status": "VALI",
    "traits": TRAITS,
    "study": {
        "study_instance_uid": "1.2.3",
        "modality": "CT",
        "at": "2026-11-24T08:00:00Z",
        "archive": "main",
    },
}

IDENTIFIED = {
    "outcome": "review",
    "identity_id": IDENTITY_ID,
    "provisional": True,
    "a_id": "X1P50ZNZX4B0GS8G3XKTGQS063",
    "review_id": "735a3d6d422e488ca80c7e1a868c7994",
    "decision_id": "a3ea6f99166f4133ac0c5e5b6107d81f",
    "match_weight": 6.6,
    "match_probability": 0.9898,
    "margin": 2.4,
    "model": "fr-1",
    "evidence": [
        {"comparison": "prior", "weight": -22.5},
        {"comparison": "birth_date", "level": "exact", "weight": 14.1},
        {"comparison": "family_name", "level": "birth_and_used", "weight": 15.0},
    ],
}

MATCH = {"traits": TRAITS}

DATA_SET = {
    "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "MARTIN^ANNE MARIE"}]},
    "00100020": {"vr": "LO", "Value": ["0042"]},
    "00100021": {"vr": "LO", "Value": ["HOPITAL-A"]},
    "00100030": {"vr": "DA", "Value": ["19580228"]},
    "00100040": {"vr": "CS", "Value": ["F"]},
}

COERCED = {
    "action": "coerce",
    "outcome": "linked",
    "identity_id": IDENTITY_ID,
    "provisional": False,
    "decision_id": "a3ea6f99166f4133ac0c5e5b6107d81f",
    "at": "2026-11-24T08:00:00Z",
    "coerced": {
        "00100020": {"vr": "LO", "Value": [IDENTITY_ID]},
        "00100021": {"vr": "LO", "Value": ["MPI"]},
        "00080015": {"vr": "DT", "Value": ["20261124080000.000000+0000"]},
    },
    "original_attributes": {
        "04000550": {
            "vr": "SQ",
            "Value": [
                {
                    "00080015": {"vr": "DT"},
                    "00100020": {"vr": "LO", "Value": ["0042"]},
                    "00100021": {"vr": "LO", "Value": ["HOPITAL-A"]},
                }
            ],
        },
        "04000562": {"vr": "DT", "Value": ["20261124080000.000000+0000"]},
        "04000563": {"vr": "LO", "Value": ["mpi@local/0.1.0"]},
        "04000564": {"vr": "LO", "Value": ["SCANNER_A"]},
        "04000565": {"vr": "CS", "Value": ["COERCE"]},
    },
}

RECORD = {
    "authority": "HOPITAL-A",
    "local_id": "0042",
    "identity_id": IDENTITY_ID,
    "provisional": False,
    "version": 1,
    "told_at": "2026-11-24T08:00:00Z",
}

IDENTITY = {  # the answer to an old id
    "identity_id": IDENTITY_ID,
    "merged_into": IDENTITY_ID,
    "provisional": False,
    "records": [RECORD],
}

STUDY = {
    "study_instance_uid": "1.2.3",
    "identity_id": IDENTITY_ID,
    "provisional": False,
    "authority": "HOPITAL-A",
    "local_id": "0042",
    "modality": "CT",
    "at": "2026-11-24T08:00:00Z",
    "archive": "main",
    "description": "Thorax",
    "accession_number": "A-17",
    "retrieve_url": "http://127.0.0.1:8042/dicom-web/studies/1.2.3",
}

STUDIES = {"identity_id": IDENTITY_ID, "merged_into": IDENTITY_ID, "studies": [STUDY]}

PROBLEM_REFERENCE = {"$ref": "#/components/schemas/Problem"}

# What a problem of each status says in the description, where the general sentence is not telling enough.
MEANINGS = {
    401: "No API key, or none that is known and alive.",
    403: "Another's assigning authority, or a role that this call does not take.",
    409: "Two statements contradict each other; the answer carries the fresh state.",
    415: "The body's media type is not one that this call reads.",
    422: "The content breaks a rule: the field's path and the rule, never the value.",
    429: "Too many different questions; `Retry-After` says when to ask again.",
    503: "A needed part is away; nothing was stored. `Retry-After` says when to try again.",
}

RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds until the call may succeed.",
        "schema": {"type": "integer", "minimum": 1},
    }
}


def answers(example: object, *problems: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: an example of its 200, and a problem document for each of `problems`."""
    found: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"example": example}}}}
    for status in (*problems, 500):
        detail = MEANINGS.get(status) or SENTENCES[status]
        document: dict[str, object] = {
            "type": f"urn:mpi:problem:{CODES[status]}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "code": CODES[status],
        }
        if status == 422:
            document["errors"] = [{"field": "traits.birth_name", "rule": "control-character"}]
        found[status] = {
            "description": detail,
            "content": {PROBLEM_JSON: {"schema": PROBLEM_REFERENCE, "example": document}},
        }
        if status in (429, 503):
            found[status]["headers"] = RETRY_AFTER
    return found
