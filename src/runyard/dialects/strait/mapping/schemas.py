"""JSON Schemas as this dialect goes by them: `type`, `required`, `properties`, `items` (contract §3)."""

from __future__ import annotations

from typing import Any

import msgspec


def supported(schema: Any) -> Any:
    """The part of the schema that counts."""
    if not isinstance(schema, dict):
        return schema
    found = {name: schema[name] for name in ("type", "required", "properties", "items") if name in schema}
    if isinstance(found.get("properties"), dict):
        found["properties"] = {name: supported(inner) for name, inner in found["properties"].items()}
    if "items" in found:
        found["items"] = supported(found["items"])
    return found


def schema_in(schema: Any) -> str | None:
    """That part as it is kept in a definition."""
    return None if schema is None else msgspec.json.encode(supported(schema)).decode()
