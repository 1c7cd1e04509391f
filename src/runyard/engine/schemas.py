"""JSON Schema checks. References to other documents are never followed."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jsonschema_rs
import msgspec

from runyard.domain.errors import Invalid, PayloadMismatch

_LIMIT = 20


@lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    try:
        return jsonschema_rs.validator_for(msgspec.json.decode(schema), retriever=_refuse)
    except Exception as error:  # the library raises plain ValueError and its own kinds
        raise Invalid(f"not a usable JSON Schema: {error}") from None


def _refuse(uri: str) -> Any:
    raise ValueError(f"references to other documents are not followed: {uri}")


def accept(schema: str) -> str:
    """The schema, if it is one. Raises `Invalid`."""
    _validator(schema)
    return schema


def check(schema: str, value: str) -> list[dict[str, str]]:
    """Where the JSON text differs from the schema: at most 20 {pointer, detail}; empty when it matches."""
    problems: list[dict[str, str]] = []
    try:
        found = msgspec.json.decode(value)
    except msgspec.DecodeError as beyond:  # JSON all the same: it was kept as it came
        return [{"pointer": "", "detail": f"it holds what cannot be checked: {beyond}"}]
    for error in _validator(schema).iter_errors(found):
        pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in error.instance_path)
        problems.append({"pointer": pointer, "detail": str(error.message)})
        if len(problems) >= _LIMIT:
            break
    return problems


def mismatch(what: str, problems: list[dict[str, str]]) -> PayloadMismatch:
    """The refusal of a value with these problems; its sentence names the first."""
    first = problems[0]
    where = f" at {first['pointer']}" if first["pointer"] else ""
    return PayloadMismatch(f"{what}{where}: {first['detail'][:500]}", errors=problems)
