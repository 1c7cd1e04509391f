"""What is known to be wrong with exact versions of packages, in the terms of OSV (https://ossf.github.io/osv-schema)."""

from collections.abc import Callable, Iterable
from typing import Any

import semver
from msgspec import Struct
from packaging.version import InvalidVersion, Version

from runyard.agents.code_reviewer.findings import Severity
from runyard.agents.dependency_auditor.dependencies import Dependency, Ecosystem, known_as

Key = tuple[str, str, str]
"""Ecosystem, name and version of a package."""


class Unavailable(Exception):
    """Nobody could be asked about known vulnerabilities."""


class Advisory(Struct, frozen=True, kw_only=True):
    """A known vulnerability of a package."""

    id: str
    summary: str = ""
    aliases: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    """Versions without it."""
    severity: Severity = "error"


Look = Callable[[list[Dependency]], dict[Key, list[Advisory]]]
"""The advisories on each of these packages. Raises `Unavailable`."""


class Package(Struct, frozen=True):
    """A package as an advisory names it."""

    name: str
    ecosystem: str


class Event(Struct, frozen=True):
    """Where a range of versions begins or ends."""

    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None


class Range(Struct, frozen=True):
    """Versions from event to event."""

    type: str
    events: tuple[Event, ...] = ()


class Affected(Struct, frozen=True):
    """Which versions of a package have the vulnerability."""

    package: Package | None = None
    ranges: tuple[Range, ...] = ()
    versions: tuple[str, ...] = ()


class _Judgement(Struct, frozen=True):
    severity: object = None


class Record(Struct, frozen=True):
    """An advisory as OSV publishes it; what is not looked at here is left out."""

    id: str
    summary: str = ""
    details: str = ""
    aliases: tuple[str, ...] = ()
    withdrawn: str | None = None
    affected: tuple[Affected, ...] = ()
    database_specific: _Judgement | None = None

    def about(self, ecosystem: Ecosystem, name: str) -> list[Affected]:
        """What it says of one package."""
        return [
            one
            for one in self.affected
            if one.package is not None
            and one.package.ecosystem == ecosystem
            and known_as(ecosystem, one.package.name) == known_as(ecosystem, name)
        ]


def told(record: Record, ecosystem: Ecosystem, name: str) -> Advisory:
    """What of an advisory is told about a package."""
    events = [event for one in record.about(ecosystem, name) for span in one.ranges for event in span.events]
    fixed = {event.fixed for event in events if event.fixed is not None and _order(ecosystem, event.fixed) is not None}
    judged = record.database_specific.severity if record.database_specific is not None else None
    return Advisory(
        id=record.id,
        summary=(record.summary or record.details.strip().split("\n")[0])[:300],
        aliases=record.aliases[:5],
        fixed=tuple(sorted(fixed, key=lambda version: _order(ecosystem, version))),
        severity="warning" if judged in {"LOW", "MODERATE"} else "error",
    )


def is_affected(record: Record, dependency: Dependency) -> bool:
    """Whether this version has the vulnerability."""
    if record.withdrawn is not None:
        return False
    return any(
        dependency.version in one.versions or any(_within(dependency, span) for span in one.ranges)
        for one in record.about(dependency.ecosystem, dependency.name)
    )


def _within(dependency: Dependency, span: Range) -> bool:
    if span.type not in {"ECOSYSTEM", "SEMVER"}:
        return False  # commits, which a version does not tell
    here = _order(dependency.ecosystem, dependency.version)
    if here is None:
        return False
    within = False
    for at, kind in _sorted(dependency.ecosystem, span.events):
        if kind == "introduced" and (at is None or at <= here):
            within = True
        elif at is not None and ((kind == "fixed" and at <= here) or (kind == "last_affected" and at < here)):
            within = False
    return within


def _sorted(ecosystem: Ecosystem, events: Iterable[Event]) -> list[tuple[Any, str]]:
    """The events in the order of their versions; "0" is before every version, and is None."""
    first: list[tuple[Any, str]] = []
    rest: list[tuple[Any, str]] = []
    for event in events:
        for kind in ("introduced", "fixed", "last_affected"):
            said = getattr(event, kind)
            if said == "0" and kind == "introduced":
                first.append((None, kind))
            elif said is not None and (at := _order(ecosystem, said)) is not None:
                rest.append((at, kind))
    return first + sorted(rest, key=lambda pair: pair[0])


def _order(ecosystem: Ecosystem, version: str) -> Any:
    """The version as something that can be compared with others of its ecosystem; None when it is none."""
    try:
        return Version(version) if ecosystem == "PyPI" else semver.Version.parse(version)
    except (InvalidVersion, ValueError, TypeError):
        return None
