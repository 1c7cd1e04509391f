"""The document the server serves of the dialect says of every operation what the contract's own says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contracts import document
from tests.dialects.agh.client import Agh
from tests.support.verbs import Json

UNKNOWN = {("getTaskRun", "turn_count")}
"""What this server never knows, and so never says."""
MODES = {"coordinator", "worker", "sandbox", "runtime"}
"""Parts of profiles, which take a mode or none and always say one: the same shape serves both ways."""
Found = tuple[str, str, Any, Any]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_served_document_is_as_the_contract(agh: Agh) -> None:
    ours = agh.stand.http.get("/agh/openapi.json").json()
    assert list(compared(ours, document("agh"))) == []


def compared(ours: Json, theirs: Json) -> Iterator[Found]:
    """Every difference: the operation, what of it, what ours says, and what theirs says."""
    paths = {bare(path): methods for path, methods in ours["paths"].items()}
    for path, methods in theirs["paths"].items():
        for method, spec in methods.items():
            if method != "parameters":
                mine = paths.get(bare(path), {}).get(method)
                if mine is None:
                    yield spec["operationId"], "is missing", None, None
                    continue
                shared = {**spec, "parameters": [*methods.get("parameters", []), *spec.get("parameters", [])]}
                yield from of_operation(Pair(ours, theirs, spec["operationId"]), mine, shared)


def bare(template: str) -> str:
    """A path's template without the names of its parameters."""
    return re.sub(r"\{.*?\}", "{}", template)


class Pair:
    """Two documents, and the operation that is looked at in both."""

    def __init__(self, ours: Json, theirs: Json, name: str) -> None:
        self.ours, self.theirs, self.name = ours, theirs, name

    def schemas(self, place: str, ours: Json, theirs: Json, *, sent: bool) -> Iterator[Found]:
        """How two schemas differ; what is `sent` to the server may ask for less than the contract does."""
        ours, theirs = plain(self.ours, ours), plain(self.theirs, theirs)
        if kinds(ours) != kinds(theirs):
            yield self.name, f"type of {place}", kinds(ours), kinds(theirs)
        mine, its = ours.get("properties", {}), theirs.get("properties", {})
        absent = {field for field in its if (self.name, field) in UNKNOWN}
        if mine.keys() | absent != its.keys():
            yield self.name, f"fields of {place}", sorted(mine), sorted(its)
        needed, asked = set(ours.get("required", ())), set(theirs.get("required", ()))
        if needed - asked or (
            not sent and asked - needed - ({"mode"} if place.rsplit(".", maxsplit=1)[-1] in MODES else set())
        ):
            yield self.name, f"required of {place}", sorted(needed), sorted(asked)
        for field in mine.keys() & its.keys():
            yield from self.schemas(f"{place}.{field}", mine[field], its[field], sent=sent)
        if "items" in ours and "items" in theirs:
            yield from self.schemas(f"{place}[]", ours["items"], theirs["items"], sent=sent)


def of_operation(pair: Pair, ours: Json, theirs: Json) -> Iterator[Found]:
    """How two operations differ in parameters, body and replies."""
    mine, its = parameters(pair.ours, ours), parameters(pair.theirs, theirs)
    if {name for name in its if name not in mine} or {name for name in mine if name not in its and name[0] == "query"}:
        yield pair.name, "parameters", sorted(mine), sorted(its)
    for name in mine.keys() & its.keys():
        if name[0] == "query":
            yield from pair.schemas(name[1], mine[name]["schema"], its[name]["schema"], sent=True)
    if "requestBody" in theirs:
        yield from pair.schemas("body", content(ours["requestBody"]), content(theirs["requestBody"]), sent=True)
    good, fine = ({status for status in one["responses"] if status < "400"} for one in (ours, theirs))
    if good != fine:
        yield pair.name, "successes", sorted(good), sorted(fine)
    for status in good & fine:
        reply, known = ours["responses"][status], found(pair.theirs, theirs["responses"][status])
        if reply.get("content", {}).keys() != known.get("content", {}).keys():
            yield pair.name, "media", reply, known
        elif "application/json" in reply.get("content", {}):
            yield from pair.schemas(status, content(reply), content(known), sent=False)


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
    return ({said} if isinstance(said, str) else set(said)) - {"null"}
