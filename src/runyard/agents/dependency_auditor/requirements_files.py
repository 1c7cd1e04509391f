"""Requirements files as pip reads them; nothing they name is followed or fetched."""

import re
from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion

from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft
from runyard.agents.dependency_auditor.dependencies import (
    Dependency,
    Manifest,
    conflicts,
    draft,
    known_as,
    some,
)
from runyard.agents.dependency_auditor.sources import unusual, without_password

FILE = re.compile(
    r"(^|/)(?:[^/]*requirements?[^/]*\.(?:txt|lock|in)|constraints?[^/]*\.txt|requirements/[^/]+\.(?:txt|lock|in))$"
)
_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTION = re.compile(r"(--?[a-zA-Z][\w-]*)(?:[ =]+(\S+))?")
_HASH = re.compile(r"\s--hash[= ]\s*\S+")
_PER_REQUIREMENT = re.compile(r"\s--(?:hash|config-settings?|global-option|install-option)[= ].*$")
_EGG = re.compile(r"[#&]egg=([\w.-]+)")
_LINK = re.compile(r"(?:[a-z]+\+)?[a-z]+://|git@")

Line = tuple[int, str]


def read(file: SourceFile) -> Manifest:
    """What the file asks for. A `.in` file is what a lock is made from, so its ranges are meant."""
    drafts: list[Draft] = []
    pins: list[tuple[Dependency, Requirement]] = []
    others: list[tuple[int, Requirement]] = []
    unhashed: list[tuple[int, str]] = []
    hashed = 0
    for number, line in _lines(file.read()):
        if line.startswith("-") and not line.startswith(("-e", "--editable")):
            drafts += _option(file, number, line)
            continue
        text = re.sub(r"^(?:-e|--editable)[ =]+", "", line)
        has_hash = bool(_HASH.search(text))
        plain = _PER_REQUIREMENT.sub("", text).strip()
        if _LINK.match(plain):
            egg = _EGG.search(plain)
            drafts += unusual(file, number, egg[1] if egg else "A package", plain, hashed=has_hash)
            continue
        if "://" not in plain and (plain.startswith((".", "/")) or plain.endswith((".whl", ".tar.gz", ".zip"))):
            continue  # a file of the repository itself
        try:
            requirement = Requirement(plain)
        except InvalidRequirement as error:
            drafts.append(draft(file, number, "invalid", "warning", f"Not a requirement: {str(error).splitlines()[0]}"))
            continue
        if requirement.url:
            drafts += unusual(file, number, requirement.name, requirement.url, hashed=has_hash)
            continue
        version = pinned(requirement.specifier)
        hashed += has_hash
        if not has_hash:
            unhashed.append((number, requirement.name))
        if version is None:
            others.append((number, requirement))
        else:
            pin = Dependency(ecosystem="PyPI", name=requirement.name, version=version, file=file.path, line=number)
            pins.append((pin, requirement))
    if not file.path.endswith(".in"):
        drafts += _unpinned(file, others)
        drafts += _unhashed(file, unhashed, hashed=hashed, pins=len(pins))
    drafts += conflicts(file, [pin for pin, requirement in pins if requirement.marker is None])
    drafts += _excluded(file, pins, others)
    return Manifest(dependencies=tuple(pin for pin, _ in pins), drafts=tuple(drafts))


def pinned(specifier: SpecifierSet) -> str | None:
    """The one version that it allows, if it names one."""
    for one in specifier:
        if one.operator in {"==", "==="} and not one.version.endswith(".*"):
            return one.version
    return None


def _lines(text: str) -> Iterator[Line]:
    """Logical lines without comments, each with the number of its first."""
    joined, first = "", 0
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = _COMMENT.sub("", raw.rstrip("\r"))
        first = first or number
        if line.endswith("\\"):
            joined += line[:-1] + " "
            continue
        whole = (joined + line).strip()
        if whole:
            yield first, whole
        joined, first = "", 0
    if joined.strip():
        yield first, joined.strip()


def _option(file: SourceFile, number: int, line: str) -> Iterator[Draft]:
    for found in _OPTION.finditer(line):
        name, value = found[1], found[2] or ""
        if name in {"-i", "--index-url", "--extra-index-url", "-f", "--find-links"} and value.startswith("http://"):
            yield draft(
                file,
                number,
                "insecure-index",
                "error",
                f"Packages come over an open connection: {without_password(value)}",
                "Reach the index over HTTPS.",
            )
        if name == "--trusted-host":
            yield draft(
                file,
                number,
                "insecure-index",
                "error",
                f"Packages from {value} are taken without checking who sends them",
                "Leave certificate checks on.",
            )
        if name == "--extra-index-url":
            yield draft(
                file,
                number,
                "several-indexes",
                "warning",
                "With several indexes, whoever offers the higher version of a name wins",
                "Use one index that serves both, or pin every package by its digest.",
            )


def _unpinned(file: SourceFile, others: list[tuple[int, Requirement]]) -> Iterator[Draft]:
    for number, requirement in others:
        yield draft(
            file,
            number,
            "unpinned",
            "warning",
            f"{requirement.name} may be another version with every installation",
            f"Pin it ({requirement.name}==…), best by a lock file made from the ranges you mean.",
        )


def _unhashed(file: SourceFile, unhashed: list[tuple[int, str]], *, hashed: int, pins: int) -> Iterator[Draft]:
    names = [name for _, name in unhashed]
    if unhashed and hashed:
        yield draft(
            file,
            unhashed[0][0],
            "unhashed",
            "error",
            f"pip will refuse this file: some requirements have digests, {some(names)} have none",
            "Give all of them digests (pip-compile --generate-hashes, uv pip compile --generate-hashes).",
        )
    elif unhashed and pins == len(unhashed):
        yield draft(
            file,
            unhashed[0][0],
            "unhashed",
            "info",
            f"The {pins} pinned packages have no digests, so a changed file at the index would be installed",
            "Generate digests (pip-compile --generate-hashes, uv pip compile --generate-hashes).",
        )


def _excluded(
    file: SourceFile, pins: list[tuple[Dependency, Requirement]], others: list[tuple[int, Requirement]]
) -> Iterator[Draft]:
    by_name = {known_as("PyPI", pin.name): pin for pin, requirement in pins if requirement.marker is None}
    for number, requirement in others:
        pin = by_name.get(known_as("PyPI", requirement.name))
        if pin is None or requirement.marker is not None:
            continue
        try:
            fits = requirement.specifier.contains(pin.version, prereleases=True)
        except InvalidVersion:
            continue
        if not fits:
            yield draft(
                file,
                number,
                "conflict",
                "error",
                f"{requirement.name}{requirement.specifier} excludes {pin.version}, which line {pin.line} wants",
                "Keep one of the two.",
            )
