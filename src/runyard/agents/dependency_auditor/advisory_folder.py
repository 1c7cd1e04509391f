"""Advisories from a folder: files of OSV's JSON, or the `all.zip` that OSV offers for each ecosystem."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from runyard.agents.dependency_auditor.advisories import Advisory, Key, Record, Unavailable, is_affected, told
from runyard.agents.dependency_auditor.dependencies import Dependency, known_as

_LARGEST_RECORD = 8 << 20
_read = msgspec.json.Decoder(Record)


def look(folder: Path, dependencies: list[Dependency]) -> dict[Key, list[Advisory]]:
    """The advisories on each of these packages. Raises `Unavailable` for a folder without any."""
    by_name: dict[tuple[str, str], list[Dependency]] = {}
    for dependency in dependencies:
        by_name.setdefault((dependency.ecosystem, known_as(dependency.ecosystem, dependency.name)), []).append(
            dependency
        )
    found: dict[Key, list[Advisory]] = {}
    read = 0
    try:
        for text in _texts(folder):
            try:
                record = _read.decode(text)
            except msgspec.DecodeError:
                continue
            read += 1
            named = {(one.package.ecosystem, one.package.name) for one in record.affected if one.package is not None}
            for ecosystem, name in named:
                for dependency in by_name.get((ecosystem, known_as(ecosystem, name)), ()):
                    if is_affected(record, dependency):
                        found.setdefault(dependency.key, []).append(told(record, dependency.ecosystem, dependency.name))
    except (OSError, zipfile.BadZipFile) as error:
        raise Unavailable(f"{folder} cannot be read: {error}") from None
    if not read:
        raise Unavailable(f"{folder} holds no advisories: put OSV's JSON files or all.zip there")
    return found


def _texts(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".json" and path.stat().st_size <= _LARGEST_RECORD:
            yield path.read_bytes()
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for entry in archive.infolist():
                    if entry.filename.endswith(".json") and entry.file_size <= _LARGEST_RECORD:
                        yield archive.read(entry)
