"""A documentation page that loads nothing: the OpenAPI document as plain HTML."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from runyard.streams.asgi import Header
from runyard.web.reply import Sent

STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8882;--text:#1a1a1e;--back:#fff;--dim:#5c5c66}
@media(prefers-color-scheme:dark){:root{--text:#e8e8ee;--back:#141418;--dim:#a2a2ae}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);margin:0 auto;
max-width:62rem;padding:1.5rem}
h1{margin:0 0 .25rem}h2{margin:2rem 0 .5rem;border-bottom:1px solid var(--line)}a{color:inherit}
code{font:13px/1.5 ui-monospace,monospace}summary{cursor:pointer;padding:.35rem 0}
details{border-bottom:1px solid var(--line)}details>div{padding:0 0 1rem 1rem}
.verb{display:inline-block;min-width:4.5rem;font-weight:700}.dim{color:var(--dim)}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.2rem .75rem .2rem 0;border-top:1px solid var(--soft)}
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS: list[Header] = [
    (b"content-security-policy", _POLICY.encode()),
    (b"cache-control", b"no-cache"),
]


def index(mounts: Iterable[str]) -> Sent:
    """The page that leads to each API's own."""
    links = "".join(
        f'<li><a href="/{name}/docs">/{name}</a> – <a href="/{name}/openapi.json">OpenAPI</a></li>'
        for name in map(escape, mounts)
    )
    body = _html("Runyard", f"<h1>Runyard</h1><p>The APIs of this server:</p><ul>{links}</ul>")
    return Sent(200, body, b"text/html; charset=utf-8", headers=HEADERS)


def page(document: Mapping[str, Any]) -> bytes:
    """An OpenAPI document as a page: operations by tag, then schemas."""
    info = document["info"]
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    parts = [
        f"<h1>{escape(info['title'])} <span class=dim>{escape(info['version'])}</span></h1>",
        f"<p>{escape(info['description'])}</p>",
        f"<p>Paths begin with <code>{escape(document['servers'][0]['url'])}</code>; ",
        'the <a href="openapi.json">OpenAPI document</a> holds everything below.</p>',
        *(f"<h2>{escape(tag)}</h2>{''.join(found)}" for tag, found in sorted(by_tag.items())),
        "<h2>Schemas</h2>",
        *(_named(name, schema) for name, schema in document["components"]["schemas"].items()),
    ]
    return _html(info["title"], "".join(parts))


def _html(title: str, body: str) -> bytes:
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    ).encode()


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    anchor = escape(operation["operationId"], quote=True)
    scope = operation.get("x-scope")
    needs = f"<p class=dim>Needs scope <code>{escape(str(scope))}</code>.</p>" if scope else ""
    body = operation.get("requestBody")
    return (
        f'<details id="{anchor}"><summary><span class=verb>{method.upper()}</span><code>{escape(path)}</code> '
        f"<span class=dim>{escape(operation['summary'])}</span></summary><div>{needs}"
        f"{_parameters(operation['parameters'])}{_content('Body', body['content']) if body else ''}"
        f"{_responses(operation['responses'])}</div></details>"
    )


def _parameters(parameters: list[dict[str, Any]]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(item['name'])}</code>{'' if item['required'] else '?'}</td><td>{item['in']}</td>"
        f"<td>{_type(item['schema'])}</td><td>{escape(item.get('description', ''))}</td></tr>"
        for item in parameters
    )
    return f"<table><tr><th>Parameter<th>In<th>Type<th>Meaning</tr>{rows}</table>"


def _responses(responses: Mapping[str, Any]) -> str:
    good = [
        _content(f"{status} {found['description']}", found.get("content", {}))
        for status, found in responses.items()
        if "description" in found
    ]
    bad = ", ".join(status for status, found in responses.items() if "$ref" in found)
    return f"{''.join(good)}<p class=dim>Refusals: {escape(bad)}</p>"


def _content(label: str, content: Mapping[str, Any]) -> str:
    kinds = "; ".join(f"<code>{escape(media)}</code> {_type(found['schema'])}" for media, found in content.items())
    return f"<p><b>{escape(label)}</b> {kinds}</p>"


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in one line."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2], quote=True)
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        return " | ".join(_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    kind = schema.get("type", "any")
    text = " | ".join(kind) if isinstance(kind, list) else str(kind)
    limits = [f"{name} {schema[name]}" for name in ("minimum", "maximum", "minLength", "maxLength") if name in schema]
    return escape(f"{text} ({', '.join(limits)})" if limits else text)


def _named(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code>{'' if field in required else '?'}</td><td>{_type(found)}</td>"
        f"<td>{escape(found.get('description', ''))}</td></tr>"
        for field, found in schema.get("properties", {}).items()
    )
    values = _type(schema) if "enum" in schema else f"<table>{rows}</table>"
    return (
        f'<details id="schema-{escape(name, quote=True)}"><summary><code>{escape(name)}</code> '
        f"<span class=dim>{escape(schema.get('description', '').partition(chr(10))[0])}</span></summary>"
        f"<div>{values}</div></details>"
    )
