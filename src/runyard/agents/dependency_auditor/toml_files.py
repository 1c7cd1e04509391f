"""pyproject.toml, and the lock files of uv, Poetry and PDM."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft
from runyard.agents.dependency_auditor.dependencies import Dependency, Manifest, draft, some
from runyard.agents.dependency_auditor.requirements_files import pinned
from runyard.agents.dependency_auditor.sources import unusual, without_password

PROJECT = re.compile(r"(^|/)pyproject\.toml$")
LOCK = re.compile(r"(^|/)(?:uv|poetry|pdm)\.lock$")
_NAME = re.compile(r'^name\s*=\s*"([^"]+)"', re.MULTILINE)


def read_project(file: SourceFile) -> Manifest:
    """What a pyproject.toml asks for. Its ranges are meant; what has no bound at all is told."""
    text = file.read()
    content = _content(text)
    drafts: list[Draft] = []
    pins: list[Dependency] = []
    for written in _requirements(content):
        line = _line_of(text, written)
        try:
            requirement = Requirement(written)
        except InvalidRequirement as error:
            drafts.append(draft(file, line, "invalid", "warning", f"Not a requirement: {str(error).splitlines()[0]}"))
            continue
        version = pinned(requirement.specifier)
        if requirement.url:
            drafts += unusual(file, line, requirement.name, requirement.url)
        elif version is not None:
            pins.append(Dependency(ecosystem="PyPI", name=requirement.name, version=version, file=file.path, line=line))
        elif not requirement.specifier:
            drafts.append(
                draft(
                    file,
                    line,
                    "unbounded",
                    "info",
                    f"{requirement.name} may be any version there is or will be",
                    "Say at least the lowest version that works.",
                )
            )
    drafts += _tools(file, text, content)
    return Manifest(dependencies=tuple(pins), drafts=tuple(drafts))


def read_lock(file: SourceFile) -> Manifest:
    """What a lock file holds: exact versions, where they come from, and their digests."""
    text = file.read()
    packages = _dicts(_content(text).get("package"))
    lines = _lines_of_names(text)
    pins: list[Dependency] = []
    drafts: list[Draft] = []
    unhashed: list[str] = []
    for package in packages:
        name, version = package.get("name"), package.get("version")
        if not isinstance(name, str):
            continue
        line = lines.get(name, [1])
        at = line.pop(0) if len(line) > 1 else line[0]
        source = package.get("source")
        url = _source_url(package, source if isinstance(source, dict) else {})
        if url is not None:
            drafts += unusual(file, at, name, url, hashed=_is_hashed(package))
        elif isinstance(version, str) and not _is_local(source):
            pins.append(Dependency(ecosystem="PyPI", name=name, version=version, file=file.path, line=at))
            if not _is_hashed(package):
                unhashed.append(name)
        index = _index(source)
        if index.startswith("http://"):
            message = f"{name} comes over an open connection: {without_password(index)}"
            drafts.append(draft(file, at, "insecure-index", "error", message, "Reach the index over HTTPS."))
    if unhashed:
        message = f"Without digests, a changed file at the index would be installed: {some(unhashed)}"
        drafts.append(draft(file, 1, "unhashed", "warning", message, "Make the lock anew with a current tool."))
    return Manifest(dependencies=tuple(pins), drafts=tuple(drafts))


def _content(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}  # the code reviewer says that it cannot be read


def _requirements(content: dict[str, Any]) -> Iterator[str]:
    """Every requirement in the tables of the standards."""
    project = _dict(content.get("project"))
    groups = [project.get("dependencies"), _dict(content.get("build-system")).get("requires")]
    groups += _dict(project.get("optional-dependencies")).values()
    groups += _dict(content.get("dependency-groups")).values()
    for group in groups:
        if isinstance(group, list):
            yield from (one for one in group if isinstance(one, str))


def _tools(file: SourceFile, text: str, content: dict[str, Any]) -> Iterator[Draft]:
    """Sources named in tables of uv and Poetry."""
    tool = _dict(content.get("tool"))
    uv, poetry = _dict(tool.get("uv")), _dict(tool.get("poetry"))
    tables = [_dict(uv.get("sources")), _dict(poetry.get("dependencies"))]
    tables += [_dict(_dict(group).get("dependencies")) for group in _dict(poetry.get("group")).values()]
    for table in tables:
        for name, value in table.items():
            for source in _dicts(value if isinstance(value, list) else [value]):
                url = _table_url(source)
                if url:
                    yield from unusual(file, _line_of(text, name), name, url)
    for index in _dicts(uv.get("index")) + _dicts(poetry.get("source")):
        url = index.get("url")
        if isinstance(url, str) and url.startswith("http://"):
            message = f"Packages come over an open connection: {without_password(url)}"
            yield draft(file, _line_of(text, url), "insecure-index", "error", message, "Reach the index over HTTPS.")


def _table_url(source: dict[str, Any]) -> str | None:
    """As pip would write it, with the commit behind an @ if one is named."""
    git, url = source.get("git"), source.get("url")
    if isinstance(git, str):
        revision = source.get("rev")
        return f"git+{git}@{revision}" if isinstance(revision, str) else f"git+{git}"
    return url if isinstance(url, str) else None


def _source_url(package: dict[str, Any], source: dict[str, Any]) -> str | None:
    """The address a locked package is fetched from, when that is none of a registry."""
    for key in ("git", "url"):
        if isinstance(source.get(key), str) and source.get("type") in {None, "git", "url"}:
            url = str(source[key])
            revision = source.get("resolved_reference")
            if key == "git" or source.get("type") == "git":
                return f"git+{url}@{revision}" if isinstance(revision, str) else f"git+{url}"
            return url
    if isinstance(package.get("git"), str):  # PDM
        return f"git+{package['git']}@{package.get('revision', '')}"
    return package["url"] if isinstance(package.get("url"), str) else None


def _index(source: object) -> str:
    found = _dict(source)
    url = found.get("registry", found.get("url") if found.get("type") == "legacy" else None)
    return url if isinstance(url, str) else ""


def _is_local(source: object) -> bool:
    found = _dict(source)
    kinds = {"virtual", "editable", "directory", "path", "workspace"}
    return bool(kinds & found.keys()) or found.get("type") in {"directory", "file"}


def _is_hashed(package: dict[str, Any]) -> bool:
    files = _dicts(package.get("files")) + _dicts(package.get("wheels")) + _dicts([package.get("sdist")])
    return any("hash" in one for one in files)


def _lines_of_names(text: str) -> dict[str, list[int]]:
    lines: dict[str, list[int]] = {}
    number, start = 1, 0
    for found in _NAME.finditer(text):
        number += text.count("\n", start, found.start())
        start = found.start()
        lines.setdefault(found[1], []).append(number)
    return lines


def _line_of(text: str, part: str) -> int:
    at = text.find(part)
    if at < 0:  # written with escapes, or the other quotes
        at = max(0, text.find(part.split(" ", maxsplit=1)[0].replace('"', '\\"')))
    return text.count("\n", 0, at) + 1


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
