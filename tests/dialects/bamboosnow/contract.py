"""Holds every request and reply of the BambooSnow dialect to its contract's OpenAPI document."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from tests.contracts import document
from tests.support.contract import Answered, Asked, Contract, Operation, decoded, placed, typed

PREFIX = "/bamboosnow"
ALWAYS = {400, 401, 403, 404, 405, 413, 415, 429, 503}
"""Refusals that any operation may give; what else it may say is in the document."""
EXTRAS = ("/v1/webhooks", "/hooks/")
"""Paths beyond the document, with the same conventions."""
CODES = {400: "invalid_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 409: "conflict"}
CODES |= {405: "invalid_request", 413: "invalid_request", 415: "invalid_request"}
CODES |= {429: "rate_limited", 503: "internal_error"}
FREE = {"config", "triggers", "data", "details", "metadata", "triggerPayload", "result", "requiredStack"}
FREE |= {"detectedStack"}
"""What others wrote: its names are theirs."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TEXT_OF_LOG = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z (DEBUG|INFO|WARN|ERROR) .*")


class SnowContract(Contract):
    """The contract as a judge of what is sent and answered."""

    def __init__(self) -> None:
        super().__init__(placed(document("bamboosnow"), PREFIX))

    def find(self, method: str, path: str) -> Operation | None:
        """The operation that a request means; the seed's paths are the same with a slash at their end (§1)."""
        below = path.removeprefix(PREFIX)
        return super().find(method, below.removesuffix("/") if below.startswith("/v1/") else below)

    def check(self, asked: Asked, answered: Answered, *, loose: bool = False) -> None:
        """Raise `AssertionError` when request or reply break the contract; `loose` lets the request break it."""
        operation = self.find(asked.method, asked.path)
        place = f"{asked.method} {asked.path} -> {answered.status}"
        assert answered.headers.get("x-request-id"), f"{place}: no request id"
        if answered.status >= 400:
            self._check_refusal(answered, place)
        if operation is None:
            extra = asked.path.removeprefix(PREFIX).startswith(EXTRAS)
            assert extra or answered.status in {400, 401, 403, 404, 405}, f"{place}: the contract knows no such thing"
            if extra and answered.status < 400 and answered.body:
                self._check_words(asked, decoded(answered.body), place)
            return
        if answered.status >= 400:
            assert answered.status in ALWAYS or str(answered.status) in operation.spec["responses"], (
                f"{place}: the contract knows no such refusal: {answered.body[:500]!r}"
            )
            return
        self._check_success(operation, asked, answered, place)
        if not loose:
            self._check_asked(operation, asked, place)

    def _check_refusal(self, answered: Answered, place: str) -> None:
        assert answered.status < 500 or answered.status == 503, f"{place}: {answered.body[:500]!r}"
        assert answered.headers["content-type"].partition(";")[0] == "application/json", place
        refusal = msgspec.json.decode(answered.body)
        self.validate({"$ref": "#/components/schemas/Error"}, refusal, place)
        assert refusal["error"] == CODES[answered.status], f"{place}: {refusal}"
        assert len(refusal["message"]) > 10, f"{place}: says nothing: {refusal}"
        assert refusal.keys() <= {"error", "message", "errors"}, f"{place}: {refusal}"
        if answered.status in {429, 503}:
            # The published client reads it with int().
            assert answered.headers["retry-after"].isdigit(), place

    def _check_success(self, operation: Operation, asked: Asked, answered: Answered, place: str) -> None:
        declared = operation.spec["responses"].get(str(answered.status))
        assert declared is not None, f"{place}: the contract knows no such status"
        content = declared.get("content")
        if content is None:
            assert answered.body == b"", f"{place}: a body where the contract has none"
            return
        kind = answered.headers["content-type"].partition(";")[0]
        assert kind in content, f"{place}: the contract knows no {kind} here"
        if kind == "text/plain":
            for line in answered.body.decode().splitlines():
                assert TEXT_OF_LOG.fullmatch(line), f"{place}: {line!r} is no line of a log"
            return
        reply = decoded(answered.body)
        self.validate(content[kind]["schema"], reply, place)
        self._check_words(asked, reply, place)

    def _check_words(self, asked: Asked, reply: Any, place: str) -> None:
        self.judge_words(reply, camel="/api/v1/" in asked.path, place=place)

    def judge_words(self, reply: Any, *, camel: bool, place: str = "a reply") -> None:
        """Raise `AssertionError` unless names are spelled as the surface does, and times are in UTC (§1, §3)."""
        wrong = re.compile("_" if camel else "[A-Z]")
        for name, value in _members(reply):
            assert not wrong.search(name), f"{place}: {name} is not how this surface spells names"
            if isinstance(value, str) and name.endswith(("_at", "At", "timestamp", "created")):
                pattern = MOMENT if name == "timestamp" and not camel else TIME
                assert pattern.fullmatch(value), f"{place}: {name} is {value}"

    def _check_asked(self, operation: Operation, asked: Asked, place: str) -> None:
        given: dict[str, list[str]] = {}
        for name, value in asked.query:
            given.setdefault(name, []).append(value)
        for name, spec in operation.parameters("query").items():
            if name in given:
                self.validate(spec["schema"], typed(given[name], spec["schema"]), f"{place} ?{name}")
        body = operation.spec.get("requestBody")
        if body is None:
            return
        assert asked.body or not body["required"], f"{place}: went without a body"
        if asked.body:
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


@functools.cache
def the_contract() -> SnowContract:
    """The contract, read once."""
    return SnowContract()


def named(which: Callable[[Operation], object]) -> list[str]:
    """The names of the operations of which this holds."""
    return sorted(one.id for one in the_contract().operations if which(one))
