"""From shared SQL text to one engine's text."""

from __future__ import annotations

import re

BEYOND = "g"
"""Comes after every id."""
FOREVER = 2**63 - 1
"""Comes after every time."""
_PARAM = re.compile(r"(?<![:\w]):([a-z_]\w*)")
_AMONG = re.compile(r"\{among (\w+)\}")
_GATHERED = re.compile(r"\{gathered ([\w.]+)\}")
_EACH = re.compile(r"\{each (\w+)\}")
_LOCKS = {
    "{lock}": "FOR UPDATE",
    "{skip_locked}": "FOR UPDATE SKIP LOCKED",
    # These two let each other pass; neither passes a deletion, nor what is locked for one.
    "{change}": "FOR NO KEY UPDATE",
    "{keep}": "FOR KEY SHARE",
}


def is_query(text: str) -> bool:
    """Whether the statement only reads."""
    return text.startswith(("SELECT", "WITH"))


def for_sqlite(text: str) -> str:
    """SQLite has a single writer, so no row can be locked by somebody else; lists travel as JSON."""
    text = _AMONG.sub(r"IN (SELECT value FROM json_each(:\1))", text)
    text = _EACH.sub(r"(SELECT value FROM json_each(:\1))", text)
    text = _GATHERED.sub(r"json_group_array(\1)", text)
    for marker in _LOCKS:
        text = text.replace(marker, "")
    return text


def for_postgres(text: str) -> str:
    """PostgreSQL takes lists as arrays, locks rows, and wants psycopg's parameter style."""
    text = _AMONG.sub(r"= ANY(:\1)", text)
    text = _EACH.sub(r"(SELECT unnest(CAST(:\1 AS text[])) AS value)", text)
    text = _GATHERED.sub(r"CAST(json_agg(\1) AS text)", text)
    for marker, lock in _LOCKS.items():
        text = text.replace(marker, lock)
    return _PARAM.sub(r"%(\1)s", text.replace("%", "%%"))
