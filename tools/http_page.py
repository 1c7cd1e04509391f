"""The native HTTP API as a page, and its OpenAPI document, both from the running app."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from runyard.app import Server
from runyard.settings import Settings
from tools.tables import table

Schema = Mapping[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")


@cache
def served() -> bytes:
    """The document as the server gives it."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Settings(data=Path(folder), loops=False, agents=False))
        try:
            return asyncio.run(_fetched(server))
        finally:
            server.close()


async def _fetched(server: Server) -> bytes:
    transport = httpx2.ASGITransport(app=server.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        reply = await client.get("/runyard/openapi.json")
        return reply.raise_for_status().content


def document() -> str:
    """The OpenAPI document, indented."""
    return msgspec.json.format(msgspec.json.encode(_content()), indent=1).decode() + "\n"


def _content() -> dict[str, Any]:
    """The document, with the operations of a path in one order: the router's own changes from start to start."""
    found: dict[str, Any] = msgspec.json.decode(served())
    for path, methods in found["paths"].items():
        found["paths"][path] = {method: methods[method] for method in METHODS if method in methods}
    return found


def page() -> str:
    """Every operation, and every shape."""
    found = _content()
    lines = ["# HTTP API", "", found["info"]["description"], ""]
    lines += [
        "Paths begin with `/runyard`. A running server shows the same at `/runyard/docs` and serves the document at"
    ]
    lines += [
        "`/runyard/openapi.json`; [openapi.json](openapi.json) is a copy. How calls are authorised, repeated, paged"
    ]
    lines += ["and refused is in the [guide](../guide/http.md).", ""]
    for tag, operations in sorted(_by_tag(found["paths"]).items()):
        lines += [f"## {tag} operations", "", *table(("operation", "does", "scope", "body", "answer"), operations), ""]
    lines += ["## Shapes", ""]
    for name, schema in found["components"]["schemas"].items():
        lines += [*_shape(name, schema)]
    return "\n".join(lines)


def _by_tag(paths: Mapping[str, Mapping[str, Schema]]) -> dict[str, list[tuple[str, ...]]]:
    tags: dict[str, list[tuple[str, ...]]] = {}
    for path, methods in paths.items():
        for method, operation in methods.items():
            tags.setdefault(operation["tags"][0], []).append(_row(method, path, operation))
    return tags


def _row(method: str, path: str, operation: Schema) -> tuple[str, ...]:
    query = [one["name"] for one in operation["parameters"] if one["in"] == "query"]
    about = operation["summary"] + (f" Query: {', '.join(f'`{name}`' for name in query)}." if query else "")
    scope = operation.get("x-scope")
    scopes = [scope] if isinstance(scope, str) else list(scope or ())
    answers = [
        f"{status} {_kinds(answer.get('content', {}))}".strip()
        for status, answer in operation["responses"].items()
        if status < "400"
    ]
    return (
        f"`{method.upper()} {path}`",
        about,
        " or ".join(f"`{one}`" for one in scopes),
        _kinds(operation.get("requestBody", {}).get("content", {})),
        "; ".join(answers),
    )


def _kinds(content: Mapping[str, Schema]) -> str:
    return ", ".join(
        _kind(found["schema"]) if media == "application/json" else f"`{media}`" for media, found in content.items()
    )


def _shape(name: str, schema: Schema) -> Iterator[str]:
    yield from (f"### {name}", "", schema.get("description", ""), "")
    fields = schema.get("properties", {})
    if fields:
        required = set(schema.get("required", ()))
        yield from table(
            ("field", "type", "meaning"),
            (
                (f"`{field}`" + (" *" if field in required else ""), _kind(kind), _note(kind))
                for field, kind in fields.items()
            ),
        )
        yield ""


def _kind(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(_kind(one) for one in schema[word])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", "any JSON")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        inner = schema["additionalProperties"]
        return f"map to {_kind(inner)}" if inner else "object"
    words = " or ".join(kind) if isinstance(kind, list) else kind
    return f"{words} ({schema['format']})" if "format" in schema else words


def _note(schema: Schema) -> str:
    parts = [schema["description"]] if "description" in schema else []
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        parts.append(f"{low} to {high}.")
    if "maxLength" in schema:
        parts.append(f"At most {schema['maxLength']} characters.")
    if "maxItems" in schema:
        parts.append(f"At most {schema['maxItems']}.")
    if schema.get("default") is not None:
        parts.append(f"Default: `{msgspec.json.encode(schema['default']).decode()}`.")
    return " ".join(parts)
