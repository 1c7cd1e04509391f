"""What manifests say a repository depends on, and what is wrong with how they say it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct
from packaging.utils import canonicalize_name

from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft, Severity

Ecosystem = Literal["PyPI", "npm"]


class Dependency(Struct, frozen=True, kw_only=True):
    """One exact version of a package that a manifest names."""

    ecosystem: Ecosystem
    name: str
    version: str
    file: str
    line: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What advisories are looked up by."""
        return (self.ecosystem, known_as(self.ecosystem, self.name), self.version)


class Manifest(Struct, frozen=True, kw_only=True):
    """What one file says."""

    dependencies: tuple[Dependency, ...] = ()
    drafts: tuple[Draft, ...] = ()


def known_as(ecosystem: str, name: str) -> str:
    """The one form of a package's name that its registry goes by."""
    return canonicalize_name(name) if ecosystem == "PyPI" else name


def draft(file: SourceFile, line: int, rule: str, severity: Severity, message: str, suggestion: str = "") -> Draft:
    """A finding about how a manifest says what it needs."""
    return Draft(
        severity=severity,
        type="dependency",
        rule=f"deps:{rule}",
        file=file.path,
        line=line,
        message=message,
        suggestion=suggestion,
    )


def conflicts(file: SourceFile, pins: Iterable[Dependency]) -> Iterator[Draft]:
    """Packages that one file wants in two versions at once."""
    first: dict[str, Dependency] = {}
    for pin in pins:
        before = first.setdefault(known_as(pin.ecosystem, pin.name), pin)
        if before.version != pin.version:
            yield draft(
                file,
                pin.line,
                "conflict",
                "error",
                f"{pin.name} is wanted in version {pin.version} and, on line {before.line}, in {before.version}",
                "Keep one of the two.",
            )


def some(names: Sequence[str]) -> str:
    """The first few of many names."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
