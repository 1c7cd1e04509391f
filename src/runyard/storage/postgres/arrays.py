"""Lists as PostgreSQL takes them.

psycopg writes them item by item, with a look at each for what has to be quoted: of a page of ids that costs more than
all the rest of asking for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg.adapt import Dumper


class ListDumper(Dumper):
    """Writes lists of texts or of numbers as a whole; what they are lists of, PostgreSQL sees from where they stand."""

    def dump(self, obj: list[str | None] | list[int | None]) -> bytes:
        """The list as PostgreSQL reads it. Raises `psycopg.DataError` for what no text may hold."""
        if not obj:
            return b"{}"
        text = _with_nulls(obj) if None in obj else _joined(obj)
        if "\0" in text:
            raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
        return f"{{{text}}}".encode()


def _joined(obj: Sequence[str | int | None]) -> str:
    texts = [one if isinstance(one, str) else str(one) for one in obj]
    text = '","'.join(texts)
    if "\\" in text or text.count('"') != 2 * len(texts) - 2:
        text = '","'.join(map(_escaped, texts))
    return f'"{text}"'


def _with_nulls(obj: Sequence[str | int | None]) -> str:
    return ",".join(["NULL" if one is None else f'"{_escaped(str(one))}"' for one in obj])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
