"""The description of the interface is valid, whole, and its examples are what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from fastapi.openapi.models import OpenAPI
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.doors.doorway import Doorway

PROBLEM_JSON = "application/problem+json"


@pytest.fixture
def document(shared_door: Doorway) -> dict[str, Any]:
    """The document as a client fetches it, without a key."""
    found: dict[str, Any] = shared_door.client(None).get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation with its name."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def references(node: Any) -> Iterator[str]:
    """Every `$ref` below."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def valid(document: dict[str, Any], schema: dict[str, Any], example: Any) -> None:
    """Raises unless the example is what the schema says; a `$ref` is looked up in the document."""
    resource = Resource(contents=document, specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:document", resource)
    if "$ref" in schema:
        schema = {"$ref": f"urn:document{schema['$ref']}"}
    jsonschema.Draft202012Validator(schema, registry=registry).validate(example)


def test_the_document_is_openapi_with_schemas_that_hold(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPI.model_validate(document)
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for reference in set(references(document)):
        assert reference.removeprefix("#/components/schemas/") in schemas, reference


def test_every_operation_has_an_example_of_its_answer_and_its_refusals(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["summary"], name
        answer = operation["responses"]["200"]["content"]["application/json"]
        valid(document, answer["schema"], answer["example"])
        refusals = {status for status in operation["responses"] if status != "200"}
        expected = {"500"} if name == "GET /healthz" else {"500", "503"}
        if "/v1/" in name:
            expected |= {"401", "403", "422", "503"}
        assert expected <= refusals, name
        for status in refusals:
            problem = operation["responses"][status]["content"]
            assert set(problem) == {PROBLEM_JSON}, (name, status)
            valid(document, problem[PROBLEM_JSON]["schema"], problem[PROBLEM_JSON]["example"])
            assert problem[PROBLEM_JSON]["example"]["status"] == int(status)


def test_a_refusal_that_says_when_to_ask_again_describes_the_header(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, refusal in operation["responses"].items():
            said = refusal.get("headers", {})
            assert ("Retry-After" in said) is (status in ("429", "503")), (name, status)
            for header in said.values():
                jsonschema.Draft202012Validator.check_schema(header["schema"])
                assert header["description"]


def test_the_description_says_that_a_body_is_read_before_the_key(document: dict[str, Any]) -> None:
    assert "before the key" in document["info"]["description"]


def test_every_body_has_examples_that_its_own_schema_takes(document: dict[str, Any]) -> None:
    seen = 0
    for name, operation in operations(document):
        if "requestBody" not in operation:
            continue
        for content in operation["requestBody"]["content"].values():
            assert content["examples"], name
            for example in content["examples"].values():
                valid(document, content["schema"], example["value"])
                seen += 1
    assert seen >= 3


def test_every_call_under_v1_asks_for_a_key(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert ("security" in operation) is ("/v1/" in name), name
