"""How a document that the server serves differs from a contract's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import NoneType
from typing import Any

from tests.support.verbs import Json

TYPES: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}
Found = tuple[str, str, Any, Any]
"""The operation, what of it, what ours says, and what theirs says."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two documents, and the operation that is looked at in both."""

    ours: Json
    theirs: Json
    name: str = ""
    unknown: frozenset[tuple[str, str]] = frozenset()
    """(operation, field): what this server never knows, and so never says."""
    verbatim: tuple[str, ...] = ()
    """How the places of replies end where something is shown as it was taken."""
    exact: bool = False
    """Whether replies promise no more than the contract does."""
    spare: Callable[[str], set[str]] = lambda place: set()
    """The fields that a reply need not have at a place, though the contract asks for them."""

    def schemas(self, place: str, ours: Json, theirs: Json, *, sent: bool) -> Iterator[Found]:
        """How two schemas differ; what is `sent` to the server may ask for less than the contract does."""
        ours, theirs = plain(self.ours, ours), plain(self.theirs, theirs)
        if (is_free(theirs) and not ours.get("properties")) or (place.endswith(self.verbatim) and not sent):
            return
        if kinds(ours) != kinds(theirs):
            yield self.name, f"type of {place}", kinds(ours), kinds(theirs)
        mine, its = ours.get("properties", {}), theirs.get("properties", {})
        absent = {field for field in its if (self.name, field) in self.unknown}
        if mine.keys() | absent != its.keys():
            yield self.name, f"fields of {place}", sorted(mine), sorted(its)
        needed, asked = set(ours.get("required", ())), set(theirs.get("required", ()))
        if (needed - asked and (sent or self.exact)) or (not sent and asked - needed - self.spare(place)):
            yield self.name, f"required of {place}", sorted(needed), sorted(asked)
        for field in mine.keys() & its.keys():
            yield from self.schemas(f"{place}.{field}", mine[field], its[field], sent=sent)
        if "items" in ours and "items" in theirs:
            yield from self.schemas(f"{place}[]", ours["items"], theirs["items"], sent=sent)


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """(path without names, method, operation) of a document, each with the parameters of its path."""
    for path, methods in document["paths"].items():
        for method, spec in methods.items():
            if method != "parameters":
                shared = {**spec, "parameters": [*methods.get("parameters", []), *spec.get("parameters", [])]}
                yield re.sub(r"\{.*?\}", "{}", path), method, shared


def parameters(whole: Json, operation: Json) -> dict[tuple[str, str], Json]:
    """The parameters by place and name; those of a path by place alone."""
    listed = [found(whole, one) for one in operation.get("parameters", ())]
    return {(one["in"], "" if one["in"] == "path" else one["name"].lower()): one for one in listed}


def content(said: Json) -> Json:
    """The schema of a body."""
    schema: Json = said["content"]["application/json"]["schema"]
    return schema


def found(whole: Json, said: Json) -> Json:
    """What a reference refers to, or what is said itself."""
    if "$ref" not in said:
        return said
    place: Any = whole
    for word in said["$ref"].removeprefix("#/").split("/"):
        place = place[word]
    return found(whole, place)


def plain(whole: Json, schema: Json) -> Json:
    """A schema with what it adds to, and without the choice of null."""
    schema = found(whole, schema)
    options = [plain(whole, one) for one in schema.get("anyOf") or schema.get("oneOf") or ()]
    options = [one for one in options if one.get("type") != "null"]
    if len(options) == 1:
        return options[0]
    parts = [schema, *(plain(whole, part) for part in schema.get("allOf", ()))]
    needed = {field for part in parts for field in part.get("required", ())}
    properties = {name: spec for part in parts for name, spec in part.get("properties", {}).items()}
    return {**parts[-1], **schema, "properties": properties, "required": sorted(needed)}


def kinds(schema: Json) -> set[str]:
    """The types it allows besides null."""
    said = schema.get("type", ())
    named = {said} if isinstance(said, str) else set(said)
    if not named and ("enum" in schema or "const" in schema):
        named = {TYPES[type(value)] for value in schema.get("enum", [schema.get("const")])}
    return named - {"null"}


def is_free(schema: Json) -> bool:
    """Whether anything may be in it, whatever else it says."""
    return schema.get("additionalProperties") is True
