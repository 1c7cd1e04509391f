"""Lists as PostgreSQL takes them.

psycopg writes them item by item, with a look at each for what has to be quoted: of a page of ids that costs more than
all the rest of asking for it.
"""

from __future__ import annotations

import psycopg
from psycopg.adapt import Dumper


class ListDumper(Dumper):
    """Writes lists of texts or of numbers as a whole; what they are lists of, PostgreSQL sees from where they stand."""

    def dump(self, obj: list[str] | list[int]) -> bytes:
        """The list as PostgreSQL reads it. Raises `psycopg.DataError` for what no text may hold."""
        texts = [one if isinstance(one, str) else str(one) for one in obj]
        text = '","'.join(texts)
        if "\0" in text:
            raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
        if "\\" in text or text.count('"') != 2 * max(len(texts) - 1, 0):
            text = '","'.join(one.replace("\\", "\\\\").replace('"', '\\"') for one in texts)
        return f'{{"{text}"}}'.encode() if texts else b"{}"
