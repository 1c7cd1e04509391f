"""The document the server serves of the dialect says of every operation what the contract's own says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.contracts import document
from tests.dialects.posthog.client import Posthog
from tests.support.likeness import Found, Pair, content, found, operations, parameters
from tests.support.verbs import Json

NEVER = {("tasks_runs_resume_in_cloud_create", "502")}
"""Refusals that this server has no reason for: who resumes a run waits for no sandbox."""


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_served_document_is_as_the_contract(posthog: Posthog) -> None:
    ours = posthog.stand.http.get("/posthog/openapi.json").json()
    assert list(compared(Pair(ours=ours, theirs=document("posthog"), verbatim=(".metadata",)))) == []


def compared(pair: Pair) -> Iterator[Found]:
    """Every difference."""
    mine = {(path, method): spec for path, method, spec in operations(pair.ours)}
    its = {(path, method): spec for path, method, spec in operations(pair.theirs)}
    assert mine.keys() == its.keys()
    for place, theirs in its.items():
        ours = mine[place]
        name = theirs["operationId"]
        if ours["operationId"] != name or not set(theirs["tags"]) <= set(ours["tags"]):
            yield name, "name or tags", ours["operationId"], ours["tags"]
        scopes = theirs.get("x-required-scopes", [None])
        if [ours.get("x-scope")] != scopes:
            yield name, "scope", ours.get("x-scope"), scopes
        yield from of_parameters(replace(pair, name=name), ours, theirs)
        yield from of_body(replace(pair, name=name), ours, theirs)
        yield from of_replies(replace(pair, name=name), ours, theirs)


def of_parameters(pair: Pair, ours: Json, theirs: Json) -> Iterator[Found]:
    mine, its = parameters(pair.ours, ours), parameters(pair.theirs, theirs)
    if mine.keys() != its.keys():
        yield pair.name, "parameters", sorted(mine.keys() - its), sorted(its.keys() - mine)
    for name in mine.keys() & its.keys():
        if mine[name]["required"] > its[name].get("required", False):
            yield pair.name, f"need of {name[1]}", mine[name]["required"], its[name]["required"]
        yield from pair.schemas(name[1], mine[name]["schema"], its[name]["schema"], sent=True)


def of_body(pair: Pair, ours: Json, theirs: Json) -> Iterator[Found]:
    mine, its = (one.get("requestBody", {}).get("content", {}) for one in (ours, theirs))
    if mine.keys() != its.keys():
        yield pair.name, "body", sorted(mine), sorted(its)
    elif "application/json" in its:
        yield from pair.schemas("body", content(ours["requestBody"]), content(theirs["requestBody"]), sent=True)


def of_replies(pair: Pair, ours: Json, theirs: Json) -> Iterator[Found]:
    good, fine = ({status for status in one["responses"] if status < "400"} for one in (ours, theirs))
    never = {status for status in theirs["responses"] if (pair.name, status) in NEVER}
    if good != fine or theirs["responses"].keys() - ours["responses"] - never:
        yield pair.name, "statuses", sorted(ours["responses"]), sorted(theirs["responses"])
    for status in theirs["responses"].keys() & ours["responses"]:
        reply, known = found(pair.ours, ours["responses"][status]), found(pair.theirs, theirs["responses"][status])
        if reply.get("content", {}).keys() != known.get("content", {}).keys():
            yield pair.name, f"media of {status}", sorted(reply.get("content", {})), sorted(known.get("content", {}))
        elif "application/json" in known.get("content", {}) and status < "400":
            yield from pair.schemas(status, content(reply), content(known), sent=False)
