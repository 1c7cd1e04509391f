"""What of the files a model is shown: numbered lines, bounded in size, with secrets masked."""

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from runyard.agents.code_reviewer.diff import Ranges
from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft, mask, secrets_by_file

_AROUND = 8  # unchanged lines shown before and after a change
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY.*?(-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\Z)", re.DOTALL
)
_LONGEST_LINE = 400
_WEIGHT = {"error": 5, "warning": 2, "info": 0}


class Excerpt(Struct, frozen=True, kw_only=True):
    """A stretch of one file as the model sees it."""

    path: str
    lines: int
    text: str


def excerpts(files: Sequence[SourceFile], drafts: Sequence[Draft], max_characters: int) -> list[Excerpt]:
    """The changed stretches, or the files with the worst findings, as many as fit."""
    hidden = secrets_by_file(drafts)
    chosen: list[Excerpt] = []
    room = max_characters
    for file in _riskiest(files, drafts):
        text = _numbered(_without_secrets(file.read(), hidden.get(file.path, ())), file.changed)
        if text and len(text) <= room:
            chosen.append(Excerpt(path=file.path, lines=file.lines, text=text))
            room -= len(text)
    return chosen


def _riskiest(files: Sequence[SourceFile], drafts: Iterable[Draft]) -> list[SourceFile]:
    weights: dict[str, int] = {}
    for draft in drafts:
        weights[draft.file] = weights.get(draft.file, 0) + _WEIGHT[draft.severity]
    return sorted(
        (file for file in files if file.is_python or file.changed),
        key=lambda file: (file.is_test, -weights.get(file.path, 0), -file.lines_under_review, file.path),
    )


def _without_secrets(text: str, secrets: Iterable[str]) -> str:
    # Only the first line of a private key is a finding; the rest of it must not be sent either.
    return mask(_PRIVATE_KEY.sub(lambda key: "****" + "\n" * key[0].count("\n"), text), secrets)


def _numbered(text: str, changed: Ranges | None) -> str:
    lines = text.split("\n")
    stretches = ((1, len(lines)),) if changed is None else _widened(changed, len(lines))
    return "\n…\n".join(
        "\n".join(f"{number}: {lines[number - 1][:_LONGEST_LINE]}" for number in range(first, last + 1))
        for first, last in stretches
    )


def _widened(changed: Ranges, count: int) -> Ranges:
    """The stretches with the lines around them, those that then touch made one."""
    joined: list[tuple[int, int]] = []
    for first, last in changed:
        start, end = max(1, first - _AROUND), min(count, last + _AROUND)
        if joined and start <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def prompt(chosen: Sequence[Excerpt], known: Mapping[str, Sequence[str]]) -> str:
    """The excerpts, each with what the other analysers already said about it."""
    parts = []
    for excerpt in chosen:
        said = "".join(f"\nalready known: {text}" for text in known.get(excerpt.path, ()))
        parts.append(f"=== file {excerpt.path}{said}\n{excerpt.text}")
    return "\n\n".join(parts)
