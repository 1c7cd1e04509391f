"""The document the server serves of the dialect says of every operation what the contract's own says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.contracts import document
from tests.dialects.agh.client import Agh
from tests.support.likeness import Found, Pair, content, found, operations, parameters
from tests.support.verbs import Json

UNKNOWN = frozenset({("getTaskRun", "turn_count")})
"""What this server never knows, and so never says."""
MODES = {"coordinator", "worker", "sandbox", "runtime"}
"""Parts of profiles, which take a mode or none and always say one: the same shape serves both ways."""


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_served_document_is_as_the_contract(agh: Agh) -> None:
    ours = agh.stand.http.get("/agh/openapi.json").json()
    assert list(compared(Pair(ours=ours, theirs=document("agh"), unknown=UNKNOWN, exact=True, spare=spare))) == []


def spare(place: str) -> set[str]:
    """What a reply need not have at a place."""
    return {"mode"} if place.rsplit(".", maxsplit=1)[-1] in MODES else set()


def compared(pair: Pair) -> Iterator[Found]:
    """Every difference: the operation, what of it, what ours says, and what theirs says."""
    mine = {(path, method): spec for path, method, spec in operations(pair.ours)}
    for path, method, theirs in operations(pair.theirs):
        ours = mine.get((path, method))
        if ours is None:
            yield theirs["operationId"], "is missing", None, None
        else:
            yield from of_operation(replace(pair, name=theirs["operationId"]), ours, theirs)


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
