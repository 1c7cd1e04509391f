"""Holds every request and reply of the AGH dialect to its contract's OpenAPI document."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from tests.contracts import document
from tests.support.contract import Answered, Asked, Contract, Operation, decoded, placed, typed

PREFIX = "/agh"
ALWAYS = {400, 401, 403, 404, 405, 413, 415, 429, 503}
"""Refusals that any operation may give; what else it may say is in the document."""
RULED = {"createTask": {409}, "createChildTask": {409}, "submitTaskRunReviewVerdict": {409}}
"""Refusals by the rulings on the contract's quirks."""
FREE = {"metadata", "result", "payload", "evidence", "missing_work"}
"""What others wrote: its names and values are theirs."""
KNOWN_ZEROS = {"confidence", "heartbeat_age_seconds"}
"""Numbers that may be missing, where nought says something else."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z")


class AghContract(Contract):
    """The contract as a judge of what is sent and answered."""

    def __init__(self) -> None:
        super().__init__(placed(document("agh"), PREFIX))

    def check(self, asked: Asked, answered: Answered, *, loose: bool = False) -> None:
        """Raise `AssertionError` when request or reply break the contract; `loose` lets the request break it.

        What is beyond the contract's document (its §28) is held to the shape of errors alone.
        """
        operation = self.find(asked.method, asked.path)
        place = f"{asked.method} {asked.path} -> {answered.status}"
        assert answered.headers.get("x-request-id"), f"{place}: no request id"
        if answered.status >= 400:
            self._check_refusal(answered, place)
            known = operation is None or str(answered.status) in operation.spec["responses"]
            ruled = operation is not None and answered.status in RULED.get(operation.id, ())
            assert known or ruled or answered.status in ALWAYS | _at_runtime(operation), (
                f"{place}: the contract knows no such refusal: {answered.body[:500]!r}"
            )
        elif operation is not None:
            self._check_success(operation, answered, place)
            if not loose:
                self._check_asked(operation, asked, place)

    def _check_refusal(self, answered: Answered, place: str) -> None:
        assert answered.status < 500 or answered.status == 503, f"{place}: {answered.body[:500]!r}"
        assert answered.headers["content-type"].partition(";")[0] == "application/json", place
        refusal = msgspec.json.decode(answered.body)
        self.validate({"$ref": "#/components/schemas/Error"}, refusal, place)
        assert len(refusal["error"]) > 10, f"{place}: says nothing: {refusal}"

    def _check_success(self, operation: Operation, answered: Answered, place: str) -> None:
        declared = operation.spec["responses"].get(str(answered.status))
        assert declared is not None, f"{place}: the contract knows no such status"
        content = declared.get("content")
        if content is None:
            assert answered.body == b"", f"{place}: a body where the contract has none"
            return
        kind = answered.headers["content-type"].partition(";")[0]
        assert kind in content, f"{place}: the contract knows no {kind} here"
        if kind == "application/json":
            reply = decoded(answered.body)
            self.validate(content[kind]["schema"], reply, place)
            self.judge_values(reply, place)
            self._check_empty(content[kind]["schema"], reply, place)

    def _check_empty(self, schema: Any, reply: Any, place: str) -> None:
        """Raise `AssertionError` where an empty value is said that may be left out (§1)."""
        if "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        for part in (one for kind in ("allOf", "anyOf", "oneOf") for one in schema.get(kind, ())):
            self._check_empty(part, reply, place)
        if isinstance(reply, list):
            for one in reply:
                self._check_empty(schema.get("items", {}), one, place)
        elif isinstance(reply, dict):
            for name, spec in schema.get("properties", {}).items():
                if name in reply and name not in FREE | KNOWN_ZEROS:
                    said = name in schema.get("required", ())
                    assert said or reply[name] not in ("", 0, [], {}), (
                        f"{place}: {name} is {reply[name]!r}, not left out"
                    )
                    self._check_empty(spec, reply[name], place)

    def judge_values(self, reply: Any, place: str = "a reply") -> None:
        """Raise `AssertionError` unless times are as the dialect has them, and nothing is null (§1)."""
        for name, value in _members(reply):
            assert value is not None, f"{place}: {name} is null, which is never sent"
            if isinstance(value, str) and (name.endswith(("_at", "_until")) or name == "timestamp"):
                assert TIME.fullmatch(value), f"{place}: {name} is {value}"

    def _check_asked(self, operation: Operation, asked: Asked, place: str) -> None:
        given: dict[str, list[str]] = {}
        for name, value in asked.query:
            given.setdefault(name, []).append(value)
        for name, spec in operation.parameters("query").items():
            if name in given:
                self.validate(spec["schema"], typed(given[name], spec["schema"]), f"{place} ?{name}")
        # Most bodies the document asks for may be missing (§1, §27).
        if asked.body and operation.takes_json:
            body = operation.spec["requestBody"]
            self.validate(body["content"]["application/json"]["schema"], decoded(asked.body), place)


def _at_runtime(operation: Operation | None) -> set[int]:
    return {int(status) for status in operation.spec.get("x-runtime-statuses", ())} if operation is not None else set()


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


@functools.cache
def the_contract() -> AghContract:
    """The contract, read once."""
    return AghContract()


def named(which: Callable[[Operation], object]) -> list[str]:
    """The names of the operations of which this holds."""
    return sorted(one.id for one in the_contract().operations if which(one))
