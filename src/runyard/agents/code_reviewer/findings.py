"""Findings: what an analyser says, and what of it the report tells."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from runyard.agents.code_reviewer.files import SourceFile

Severity = Literal["error", "warning", "info"]
Kind = Literal[
    "bug", "security", "style", "performance", "maintainability", "syntax", "secret", "dependency", "vulnerability"
]

MASK = "****"
RANK: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}
_LONGEST = 500  # characters of a message or suggestion: a tool may quote a whole expression


class Finding(Struct, frozen=True, kw_only=True):
    """One thing to look at; `id` stays the same while the line and its neighbours of equal text do."""

    id: str
    severity: Severity
    type: Kind
    rule: str
    file: str
    line: int
    message: str
    suggestion: str


class Draft(Struct, frozen=True, kw_only=True):
    """What an analyser says, before it has an id."""

    severity: Severity
    type: Kind
    rule: str
    file: str
    line: int
    message: str
    suggestion: str = ""
    # The secret itself, so that nothing that is told or sent can hold it; it never leaves the review's process.
    secret: str = ""


def settle(drafts: Iterable[Draft], files: Mapping[str, SourceFile]) -> list[Finding]:
    """The findings on lines under review, worst first, each with its id, with every known secret masked."""
    told = [draft for draft in drafts if draft.file in files and _is_under_review(draft, files[draft.file])]
    hidden = secrets_by_file(told)
    texts = _LineTexts(files, hidden)
    seen: Counter[tuple[str, str, str]] = Counter()
    findings = []
    for draft in sorted(told, key=lambda draft: (draft.file, draft.line, draft.rule, draft.message)):
        key = (draft.rule, draft.file, texts.at(draft.file, draft.line))
        seen[key] += 1
        findings.append(
            Finding(
                id=_identity(*key, seen[key]),
                severity=draft.severity,
                type=draft.type,
                rule=draft.rule,
                file=draft.file,
                line=draft.line,
                message=mask(draft.message, hidden.get(draft.file, ()))[:_LONGEST],
                suggestion=mask(draft.suggestion, hidden.get(draft.file, ()))[:_LONGEST],
            )
        )
    return sorted(findings, key=lambda finding: RANK[finding.severity])


def secrets_by_file(drafts: Iterable[Draft]) -> dict[str, tuple[str, ...]]:
    """The secrets found in each file, the longest first, so that masking one leaves no piece of another."""
    found: dict[str, set[str]] = {}
    for draft in drafts:
        if draft.secret:
            found.setdefault(draft.file, set()).add(draft.secret)
    return {file: tuple(sorted(secrets, key=lambda text: (-len(text), text))) for file, secrets in found.items()}


def mask(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


class _LineTexts:
    """Lines with their white space evened out and their secrets masked, each file read once."""

    def __init__(self, files: Mapping[str, SourceFile], hidden: Mapping[str, tuple[str, ...]]) -> None:
        self._files = files
        self._hidden = hidden
        self._path = ""
        self._lines: list[str] = []

    def at(self, path: str, line: int) -> str:
        if path != self._path:
            self._path, self._lines = path, self._files[path].read().split("\n")
        text = self._lines[line - 1] if 0 < line <= len(self._lines) else ""
        return mask(" ".join(text.split()), self._hidden.get(path, ()))


def _is_under_review(draft: Draft, file: SourceFile) -> bool:
    # A syntax error shows where the parser gives up, which is seldom the line that was changed.
    return draft.type == "syntax" or file.covers(draft.line)


def _identity(rule: str, file: str, text: str, occurrence: int) -> str:
    return hashlib.sha256("\0".join((rule, file, text, str(occurrence))).encode()).hexdigest()[:24]
