"""Holds every request and reply to the OpenAPI document that the server itself serves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jsonschema_rs
import msgspec

PROBLEM = "application/problem+json"
NEVER = {204, 304}
"""Statuses whose replies have no body."""
COMPONENTS = "urn:components"
"""What schemas call the document that their components are in."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of a document."""

    id: str
    method: str
    template: str
    spec: Mapping[str, Any]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What its paths look like."""
        parts = re.split(r"\{[^}]+\}", self.template)
        return re.compile("[^/]+".join(map(re.escape, parts)))

    @property
    def path_parameters(self) -> list[str]:
        """The names in the template."""
        return re.findall(r"\{([^}]+)\}", self.template)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of which a key needs one."""
        wanted = self.spec.get("x-scope", ())
        return (wanted,) if isinstance(wanted, str) else tuple(wanted)

    @property
    def takes_json(self) -> bool:
        """Whether it takes a JSON body."""
        return "application/json" in self.spec.get("requestBody", {}).get("content", {})

    def parameters(self, place: str) -> dict[str, Any]:
        """The parameters of a place (`query`, `header`, `path`) by name; headers in lower case."""
        found = {one["name"]: one for one in self.spec["parameters"] if one["in"] == place}
        return {name.lower(): one for name, one in found.items()} if place == "header" else found


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it was sent."""

    method: str
    path: str
    query: Iterable[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A reply as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def placed(document: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The document below a prefix, with parameters and replies in the places where they are referred to."""
    components = document["components"]

    def named(kind: str, one: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = components[kind][one["$ref"].rpartition("/")[2]] if "$ref" in one else one
        return found

    paths: dict[str, dict[str, Any]] = {}
    for template, methods in document["paths"].items():
        shared = methods.get("parameters", [])
        paths[template] = {
            method: {
                **spec,
                "parameters": [named("parameters", one) for one in [*shared, *spec.get("parameters", [])]],
                "responses": {status: named("responses", one) for status, one in spec["responses"].items()},
            }
            for method, spec in methods.items()
            if method != "parameters"
        }
    return {**document, "paths": paths, "servers": [{"url": prefix}]}


class Contract:
    """An OpenAPI document as a judge of what is sent and answered."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.prefix: str = document["servers"][0]["url"]
        self.operations = [
            Operation(id=spec["operationId"], method=method.upper(), template=template, spec=spec)
            for template, methods in document["paths"].items()
            for method, spec in methods.items()
        ]
        self._by_id = {one.id: one for one in self.operations}
        assert len(self._by_id) == len(self.operations), "two operations have one id"
        self._by_method: dict[str, list[Operation]] = {}
        for one in sorted(self.operations, key=lambda one: len(one.path_parameters)):
            self._by_method.setdefault(one.method, []).append(one)
        self._registry = jsonschema_rs.Registry(
            [(COMPONENTS, {"components": document["components"]})], draft=jsonschema_rs.Draft202012
        )
        self._validators: dict[bytes, Any] = {}

    def __getitem__(self, operation_id: str) -> Operation:
        return self._by_id[operation_id]

    def find(self, method: str, path: str) -> Operation | None:
        """The operation a request means: of several templates the one with the most fixed words."""
        below = path.removeprefix(self.prefix)
        # Sorted so that the first that fits has the most fixed words.
        return next((one for one in self._by_method.get(method, ()) if one.pattern.fullmatch(below)), None)

    def check(self, asked: Asked, answered: Answered) -> None:
        """Raise `AssertionError` when request or reply are not as the document says."""
        operation = self.find(asked.method, asked.path)
        place = f"{asked.method} {asked.path} -> {answered.status}"
        if answered.status >= 400:
            self._check_problem(answered, place)
        if operation is None:
            assert answered.status in {401, 404, 405}, f"{place}: the document knows no such operation"
            return
        self._check_reply(operation, answered, place)
        if answered.status < 300:
            self._check_request(operation, asked, place)

    def _check_problem(self, answered: Answered, place: str) -> None:
        # Only operations that ask somebody else say so in the document.
        assert answered.status < 500 or answered.status in {502, 503, 504}, f"{place}: {answered.body[:500]!r}"
        assert answered.headers["content-type"] == PROBLEM, place
        problem = msgspec.json.decode(answered.body)
        self.validate({"$ref": "#/components/schemas/Problem"}, problem, place)
        assert problem["status"] == answered.status, place
        assert len(problem["detail"]) > 10, f"{place}: says nothing: {problem}"
        assert problem["request_id"] == answered.headers["x-request-id"], place
        assert problem["type"].endswith(problem["code"]), place
        assert problem.get("retryable", False) == (answered.status in {429, 503}), place

    def _check_reply(self, operation: Operation, answered: Answered, place: str) -> None:
        declared = operation.spec["responses"].get(str(answered.status))
        assert declared is not None, f"{place}: this status is not in the document"
        if "$ref" in declared:
            declared = self.document["components"]["responses"][declared["$ref"].rpartition("/")[2]]
        if answered.status in NEVER:
            assert answered.body == b"", place
            return
        kind = answered.headers["content-type"].partition(";")[0]
        content = declared.get("content", {})
        media = content.get(kind) or content.get("*/*")
        assert media is not None, f"{place}: the document knows no {kind} here"
        if kind.endswith("json") and "*/*" not in content:
            self.validate(media["schema"], decoded(answered.body), place)

    def _check_request(self, operation: Operation, asked: Asked, place: str) -> None:
        known = operation.parameters("query")
        given: dict[str, list[str]] = {}
        for name, value in asked.query:
            given.setdefault(name, []).append(value)
        assert given.keys() <= known.keys(), f"{place}: undeclared query parameters were taken without a word"
        for name, spec in known.items():
            if name in given:
                self.validate(spec["schema"], typed(given[name], spec["schema"]), f"{place} ?{name}")
            else:
                assert not spec["required"], f"{place}: went without {name}"
        for name in ("idempotency-key", "x-runyard-project"):
            assert name not in asked.headers or name in operation.parameters("header"), f"{place}: ignores {name}"
        body = operation.spec.get("requestBody")
        if body is None:
            assert not asked.body, f"{place}: a body was taken that the document does not know"
        elif asked.body and operation.takes_json:
            self.validate(body["content"]["application/json"]["schema"], decoded(asked.body), place)
        elif not asked.body and operation.takes_json:
            assert not body["required"], f"{place}: went without a body"

    def validate(self, schema: Mapping[str, Any], value: Any, place: str) -> None:
        """Raise `AssertionError` when the value does not match the schema."""
        text = msgspec.json.encode(schema)
        validator = self._validators.get(text)
        if validator is None:
            # A validator that is given all components keeps a copy of them: of a large document, ten megabytes each.
            placed = msgspec.json.decode(text.replace(b'"#/components/', f'"{COMPONENTS}#/components/'.encode()))
            validator = self._validators[text] = jsonschema_rs.Draft202012Validator(
                placed, validate_formats=True, registry=self._registry
            )
        problems = [f"{list(one.instance_path)}: {one.message}" for one in validator.iter_errors(value)]
        assert not problems, f"{place}: {'; '.join(problems[:5])}"


def decoded(body: bytes) -> Any:
    """The JSON as any reader takes it: huge numbers and lone surrogates are for payloads to have."""
    return json.loads(body.decode(), parse_int=lambda text: int(text) if len(text) < 4000 else float(text))


def typed(values: list[str], schema: Mapping[str, Any]) -> Any:
    """A query parameter's text as the type that the schema asks for."""
    if schema.get("type") == "array":
        return [typed([value], schema["items"]) for value in values]
    (value,) = values
    match schema.get("type"):
        case "integer":
            return int(value)
        case "number":
            return float(value)
        case "boolean":
            return value.lower() in {"true", "1"}
        case _:
            return value
