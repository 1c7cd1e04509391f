"""Holds every request and reply of the Strait dialect to its contract's OpenAPI document."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import msgspec

from tests.contracts import document
from tests.support.contract import Answered, Asked, Contract, Operation, decoded, placed, typed

PREFIX = "/strait"
ALWAYS = {400, 401, 403, 404, 405, 413, 415, 429, 503}
"""Refusals that any operation may give; what else it may say is in the document."""
TAKEN = {"cloneJob", "createProject", "updateJob"}
"""Operations that answer 409 to a name that is taken, which the contract says in words (§22)."""


class StraitContract(Contract):
    """The contract as a judge of what is sent and answered."""

    def __init__(self) -> None:
        super().__init__(placed(document("strait"), PREFIX))

    def check(self, asked: Asked, answered: Answered, *, loose: bool = False) -> None:
        """Raise `AssertionError` when request or reply break the contract; `loose` lets the request break it."""
        path = asked.path if asked.path.startswith(PREFIX) else PREFIX + asked.path
        operation = self.find(asked.method, path)
        place = f"{asked.method} {asked.path} -> {answered.status}"
        assert answered.headers.get("x-api-version") == "v1", f"{place}: no X-API-Version"
        assert answered.headers.get("x-request-id"), f"{place}: no request id"
        if answered.status >= 400:
            self._check_refusal(answered, place)
        if operation is None:
            assert answered.status in {401, 403, 404, 405}, f"{place}: the contract knows no such operation"
            return
        if path.startswith(f"{PREFIX}/sdk/"):
            for header in ("x-sdk-version-accepted", "x-sdk-capabilities"):
                assert answered.headers.get(header), f"{place}: no {header}"
        if answered.status >= 400:
            known = ALWAYS | ({409} if operation.id in TAKEN else set())
            assert answered.status in known or str(answered.status) in operation.spec["responses"], (
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
        self.validate({"$ref": "#/components/schemas/ErrorResponse"}, refusal, place)
        assert isinstance(refusal.get("message"), str), f"{place}: no `message` for the published client: {refusal}"
        assert len(refusal["message"]) > 5, f"{place}: says nothing: {refusal}"
        assert refusal.get("request_id") == answered.headers["x-request-id"], place
        if answered.status == 503:
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
        if kind == "application/json":
            self.validate(self._shape(operation, asked, content[kind]["schema"]), decoded(answered.body), place)
        for name, spec in declared.get("headers", {}).items():
            value = answered.headers.get(name.lower())
            if value is not None:
                shape = self._resolved("headers", spec)["schema"]
                self.validate(shape, typed([value], shape), f"{place} {name}")
        cursor = answered.headers.get("x-next-cursor")
        assert cursor is None or re.match(r"\d{4}-\d\d-\d\dT", cursor), f"{place}: {cursor} is no cursor"

    def _shape(self, operation: Operation, asked: Asked, schema: dict[str, Any]) -> dict[str, Any]:
        variant = operation.spec.get("x-source-variant", {}).get("200")
        wrapped = asked.headers.get("x-list-envelope") == "1"
        if wrapped and isinstance(variant, str) and variant.rpartition("/")[2].startswith("Paginated"):
            return {"$ref": variant}
        return schema

    def _resolved(self, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in spec:
            return spec
        found: dict[str, Any] = self.document["components"][kind][spec["$ref"].rpartition("/")[2]]
        return found

    def _check_asked(self, operation: Operation, asked: Asked, place: str) -> None:
        given: dict[str, list[str]] = {}
        for name, value in asked.query:
            given.setdefault(name, []).append(value)
        for name, spec in operation.parameters("query").items():
            if name in given:
                self.validate(spec["schema"], typed(given[name], spec["schema"]), f"{place} ?{name}")
        body = operation.spec.get("requestBody")
        if body is not None:
            sent = decoded(asked.body) if asked.body else {}
            self.validate(body["content"]["application/json"]["schema"], sent, place)


@functools.cache
def the_contract() -> StraitContract:
    """The contract, read once."""
    return StraitContract()


def named(which: Callable[[Operation], object]) -> list[str]:
    """The names of the operations of which this holds."""
    return sorted(one.id for one in the_contract().operations if which(one))
