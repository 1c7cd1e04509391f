"""The process an audit runs in; as a code review's, with other eyes."""

import importlib.metadata
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from runyard.agents.code_reviewer.analysers import Analyser
from runyard.agents.code_reviewer.child import main
from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft
from runyard.agents.dependency_auditor import (
    advisory_folder,
    advisory_service,
    npm_files,
    requirements_files,
    toml_files,
)
from runyard.agents.dependency_auditor.advisories import Advisory, Look, Unavailable
from runyard.agents.dependency_auditor.dependencies import Dependency, Manifest, draft
from runyard.agents.errors import ToolFailed

_MOST_PACKAGES = 10_000


class Manifests:
    """How packages are asked for: pins, digests, sources, conflicts."""

    name = "manifests"
    batch = 1

    def __init__(self, found: list[Dependency]) -> None:
        self._found = found

    @property
    def version(self) -> str:
        return f"packaging {importlib.metadata.version('packaging')}"

    def wants(self, file: SourceFile) -> bool:
        return file.lines > 0 and reader(file) is not None

    def analyse(self, files: Sequence[SourceFile]) -> Iterator[Draft]:
        for file in files:
            read = reader(file)
            if read is not None:
                manifest = read(file)
                self._found.extend(manifest.dependencies)
                yield from manifest.drafts


class Advisories:
    """What is known to be wrong with the versions that the manifests name."""

    name = "advisories"
    version = "OSV"
    batch = 1_000_000  # once, after all manifests have been read

    def __init__(self, found: list[Dependency], look: Look, *, ignored: Sequence[str], required: bool) -> None:
        self._found = found
        self._look = look
        self._ignored = set(ignored)
        self._required = required
        self.notes: list[str] = []

    def wants(self, file: SourceFile) -> bool:
        return file.lines > 0 and reader(file) is not None

    def analyse(self, files: Sequence[SourceFile]) -> Iterator[Draft]:
        packages = self._found[:_MOST_PACKAGES]
        if len(packages) < len(self._found):
            self.notes.append(f"Only the first {_MOST_PACKAGES} of {len(self._found)} packages were looked up")
        try:
            known = self._look(packages) if packages else {}
        except Unavailable as error:
            if self._required:
                raise ToolFailed(f"No advisories could be had: {error}") from None
            message = f"Nobody could be asked about known vulnerabilities of {len(packages)} packages: {error}"
            self.notes.append(message)
            suggestion = "Let the agents reach OSV, or give them a folder of advisories (RUNYARD_ADVISORIES)."
            yield draft(files[0], 1, "advisories-unavailable", "info", message, suggestion)
            return
        self.notes.append(f"{len({one.key for one in packages})} exact versions were looked up")
        for one in packages:
            told = set(self._ignored)
            for advisory in known.get(one.key, ()):
                names = {advisory.id, *advisory.aliases}
                if not told & names:  # one vulnerability is often published by several databases
                    yield _vulnerable(one, advisory)
                told |= names


def reader(file: SourceFile) -> Callable[[SourceFile], Manifest] | None:
    """Who can read the file, if it is a manifest."""
    if requirements_files.FILE.search(file.path):
        return requirements_files.read
    if toml_files.PROJECT.search(file.path):
        return toml_files.read_project
    if toml_files.LOCK.search(file.path):
        return toml_files.read_lock
    if "node_modules/" in file.path:
        return None
    if npm_files.LOCK.search(file.path):
        return npm_files.read_lock
    if npm_files.PACKAGE.search(file.path):
        return partial(npm_files.read_package, is_locked=_is_locked(file))
    return None


def auditors(options: dict[str, Any]) -> Sequence[Analyser]:
    """Who looks at what a repository depends on."""
    found: list[Dependency] = []
    folder = options["folder"]
    look = partial(advisory_folder.look, Path(folder)) if folder else partial(advisory_service.look, options["url"])
    return (
        Manifests(found),
        Advisories(found, look, ignored=options["ignore"], required=options["require_advisories"]),
    )


def _is_locked(file: SourceFile) -> bool:
    """Whether a lock lies beside it, or above it as for the packages of a workspace."""
    folder = os.path.dirname(file.path)
    while True:
        if any(os.path.lexists(os.path.join(file.root, folder, name)) for name in npm_files.LOCKS):
            return True
        if not folder:
            return False
        folder = os.path.dirname(folder)


def _vulnerable(dependency: Dependency, advisory: Advisory) -> Draft:
    what = advisory.summary or "known vulnerability"
    others = f" ({', '.join(advisory.aliases)})" if advisory.aliases else ""
    return Draft(
        severity=advisory.severity,
        type="vulnerability",
        rule=f"osv:{advisory.id}",
        file=dependency.file,
        line=dependency.line,
        message=f"{dependency.name} {dependency.version}: {what}, {advisory.id}{others}",
        suggestion=(
            f"Upgrade to {' or '.join(advisory.fixed)}."
            if advisory.fixed
            else f"No version without it is known; see https://osv.dev/vulnerability/{advisory.id}"
        ),
    )


if __name__ == "__main__":
    main(auditors)
