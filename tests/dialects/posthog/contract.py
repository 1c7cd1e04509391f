"""Holds every request and reply of the PostHog dialect to its contract's OpenAPI document."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from tests.contracts import document
from tests.support.contract import Answered, Asked, Contract, Operation, decoded, placed, typed

PREFIX = "/posthog"
ALWAYS = {400, 401, 403, 404, 405, 413, 415, 429, 503}
"""Refusals that any operation may give; what else it may say is in the document."""
UPSTREAM = {502, 504}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
FREE = {"output", "state", "json_schema", "metadata", "result", "error", "notification", "params"}
"""What others wrote: its names and values are theirs."""

SHARED = {"output", "state"}
"""Of these, what belongs to runs: any key may be there, and those that are known may have any value."""


class PosthogContract(Contract):
    """The contract as a judge of what is sent and answered."""

    def __init__(self) -> None:
        super().__init__(placed(document("posthog"), PREFIX))

    def check(self, asked: Asked, answered: Answered, *, loose: bool = False) -> None:
        """Raise `AssertionError` when request or reply break the contract; `loose` lets the request break it."""
        operation = self.find(asked.method, asked.path.removesuffix("/"))
        place = f"{asked.method} {asked.path} -> {answered.status}"
        assert answered.headers.get("x-request-id"), f"{place}: no request id"
        assert "location" not in answered.headers, f"{place}: redirected"
        if answered.status >= 400:
            self._check_refusal(answered, place)
            known = operation is None or str(answered.status) in operation.spec["responses"]
            assert known or answered.status in ALWAYS, f"{place}: no such refusal: {answered.body[:500]!r}"
        elif operation is not None:
            self._check_success(operation, answered, place, loose=loose)
            if not loose:
                self._check_asked(operation, asked, place)

    def _check_refusal(self, answered: Answered, place: str) -> None:
        assert answered.status < 500 or answered.status in UPSTREAM | {503}, f"{place}: {answered.body[:500]!r}"
        assert answered.headers["content-type"].partition(";")[0] == "application/json", place
        refusal = msgspec.json.decode(answered.body)
        name = "ActionError" if "error" in refusal else "ApiError"
        if "last_accepted_seq" in refusal:
            name = "IngestError"
        self.validate({"$ref": f"#/components/schemas/{name}"}, refusal, place)
        assert len(refusal.get("error") or refusal["detail"]) > 5, f"{place}: says nothing: {refusal}"
        if answered.status == 401:
            assert answered.headers["www-authenticate"] == "Bearer", place

    def _check_success(self, operation: Operation, answered: Answered, place: str, *, loose: bool) -> None:
        declared = operation.spec["responses"].get(str(answered.status))
        assert declared is not None, f"{place}: the contract knows no such status"
        for name, spec in declared.get("headers", {}).items():
            said = answered.headers.get(name.lower())
            assert said is not None, f"{place}: no {name}"
            found = self.document["components"]["headers"][spec["$ref"].rpartition("/")[2]] if "$ref" in spec else spec
            self.validate(found["schema"], typed([said], found["schema"]), f"{place} {name}")
        content = declared.get("content")
        if content is None:
            assert answered.body == b"", f"{place}: a body where the contract has none"
            return
        kind = answered.headers["content-type"].partition(";")[0]
        assert kind in content or "application/octet-stream" in content, f"{place}: the contract knows no {kind} here"
        if kind == "application/json" and kind in content:
            reply = decoded(answered.body)
            # What others wrote wrongly is shown as they wrote it (contract §3.6, §3.7).
            self.validate(content[kind]["schema"], _emptied(reply) if loose else reply, place)
            for name, value in _members(reply):
                if isinstance(value, str) and name.endswith("_at"):
                    assert TIME.fullmatch(value), f"{place}: {name} is {value}"

    def _check_asked(self, operation: Operation, asked: Asked, place: str) -> None:
        given: dict[str, list[str]] = {}
        for name, value in asked.query:
            given.setdefault(name, []).append(value)
        for name, spec in operation.parameters("query").items():
            if name in given:
                self.validate(spec["schema"], typed(given[name], spec["schema"]), f"{place} ?{name}")
        if asked.body and operation.takes_json:
            body = operation.spec["requestBody"]
            self.validate(body["content"]["application/json"]["schema"], decoded(asked.body), place)


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """Every name and value in a reply, but not in what others wrote."""
    if isinstance(value, list):
        for one in value:
            yield from _members(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name, one
            if name not in FREE:
                yield from _members(one)


def _emptied(value: Any) -> Any:
    """The reply without what others wrote into the objects of runs."""
    if isinstance(value, list):
        return [_emptied(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: {} if name in SHARED and isinstance(one, dict) else one if name in FREE else _emptied(one)
        for name, one in value.items()
    }


@functools.cache
def the_contract() -> PosthogContract:
    """The contract, read once."""
    return PosthogContract()


def named(which: Callable[[Operation], object]) -> list[str]:
    """The names of the operations of which this holds."""
    return sorted(one.id for one in the_contract().operations if which(one))
