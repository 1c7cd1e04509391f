"""Reads which lines of which files a patch without context adds or changes."""

import ast
import re

Ranges = tuple[tuple[int, int], ...]

_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def changed_lines(patch: bytes) -> dict[str, Ranges]:
    """First and last line of each changed stretch, by path; stretches that only delete are left out."""
    changed: dict[str, list[tuple[int, int]]] = {}
    path: str | None = None
    skip = 0  # lines of a hunk, which may look like anything, even like a header
    for line in patch.split(b"\n"):
        if skip > 0:
            skip -= not line.startswith(b"\\")
        elif line.startswith(b"+++ "):
            path = _path(line[4:])
        elif path is not None and (hunk := _HUNK.match(line)):
            first, count = int(hunk[2]), _count(hunk[3])
            skip = _count(hunk[1]) + count
            stretches = changed.setdefault(path, [])
            if count:
                stretches.append((first, first + count - 1))
    return {path: tuple(stretches) for path, stretches in changed.items()}


def binary_files(numstat: bytes) -> dict[str, bool]:
    """Every changed file of `--numstat -z`, with whether git would not show its lines."""
    records = [record.split(b"\t", 2) for record in numstat.split(b"\0") if record]
    return {record[2].decode("utf-8", "surrogateescape"): record[0] == b"-" for record in records}


def _count(text: bytes | None) -> int:
    return 1 if text is None else int(text)


def _path(text: bytes) -> str | None:
    """The path behind `+++ `: quoted as in C when it has odd characters, followed by a tab when it has spaces."""
    if text.startswith(b'"'):
        text = ast.literal_eval("b" + text.decode("ascii"))
    elif text.endswith(b"\t"):
        text = text[:-1]
    return text[2:].decode("utf-8", "surrogateescape") if text.startswith(b"b/") else None
