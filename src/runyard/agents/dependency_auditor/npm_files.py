"""package.json, and the lock files of npm."""

import json
import re
from collections.abc import Iterator
from typing import Any

from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft
from runyard.agents.dependency_auditor.dependencies import Dependency, Manifest, draft, some
from runyard.agents.dependency_auditor.sources import unusual

PACKAGE = re.compile(r"(^|/)package\.json$")
LOCK = re.compile(r"(^|/)(?:package-lock|npm-shrinkwrap)\.json$")
LOCKS = ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb")
_TABLES = ("dependencies", "devDependencies", "optionalDependencies")
_ANY = {"", "*", "x", "latest", "next"}
_SHORTHAND = re.compile(r"[\w.-]+/[\w.-]+(#.*)?")
_KEY = re.compile(r'"((?:[^"\\\n]|\\.)+)"\s*:')


def read_package(file: SourceFile, *, is_locked: bool) -> Manifest:
    """What a package.json asks for."""
    text = file.read()
    content = _content(text)
    lines = _lines_of_keys(text)
    drafts: list[Draft] = []
    asked = 0
    for table in _TABLES:
        for name, wanted in _dict(content.get(table)).items():
            if isinstance(wanted, str):
                asked += 1
                drafts += _asked(file, lines.get(name, 1), name, wanted.strip())
    if asked and not is_locked:
        drafts.append(
            draft(
                file,
                1,
                "no-lock",
                "warning",
                f"No lock file fixes the versions of the {asked} packages asked for here",
                "Commit the lock file that your package manager writes.",
            )
        )
    return Manifest(drafts=tuple(drafts))


def read_lock(file: SourceFile) -> Manifest:
    """What a lock of npm holds, of any of its versions."""
    text = file.read()
    content = _content(text)
    lines = _lines_of_keys(text)
    pins: list[Dependency] = []
    drafts: list[Draft] = []
    unhashed: list[str] = []
    for key, name, package in _locked(content):
        version, resolved = package.get("version"), package.get("resolved")
        line = lines.get(key, 1)
        url = resolved if isinstance(resolved, str) else ""
        if not isinstance(version, str) or package.get("link") or url.startswith("file:"):
            continue
        if url.startswith(("http://", "git")):
            drafts += unusual(file, line, name, url, hashed=True)
        if re.match(r"\d", version) and not url.startswith("git"):
            pins.append(Dependency(ecosystem="npm", name=name, version=version, file=file.path, line=line))
            if url and "integrity" not in package and not package.get("bundled") and not package.get("inBundle"):
                unhashed.append(name)
    if unhashed:
        message = f"Without digests, a changed file at the registry would be installed: {some(unhashed)}"
        drafts.append(draft(file, 1, "unhashed", "warning", message, "Make the lock anew with a current npm."))
    return Manifest(dependencies=tuple(pins), drafts=tuple(drafts))


def _asked(file: SourceFile, line: int, name: str, wanted: str) -> Iterator[Draft]:
    if wanted in _ANY:
        yield draft(
            file,
            line,
            "unbounded",
            "warning",
            f"{name} may be any version there is or will be",
            "Say which versions work, such as ^1.2.3.",
        )
    elif "://" in wanted or wanted.startswith(("git@", "github:", "gitlab:", "bitbucket:")):
        yield from unusual(file, line, name, wanted)
    elif _SHORTHAND.fullmatch(wanted) and not wanted.startswith("."):
        yield from unusual(file, line, name, f"github:{wanted}")


def _locked(content: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every locked package with its key in the file and its name."""
    if isinstance(content.get("packages"), dict):
        for key, package in content["packages"].items():
            if isinstance(package, dict) and "node_modules/" in key:
                alias = package.get("name")
                yield key, alias if isinstance(alias, str) else key.rpartition("node_modules/")[2], package
        return
    waiting = [_dict(content.get("dependencies"))]
    while waiting:
        for name, package in waiting.pop().items():
            if isinstance(package, dict):
                yield name, name, package
                waiting.append(_dict(package.get("dependencies")))


def _content(text: str) -> dict[str, Any]:
    try:
        return _dict(json.loads(text.removeprefix("\ufeff")))
    except (ValueError, RecursionError):
        return {}  # the code reviewer says that it cannot be read


def _lines_of_keys(text: str) -> dict[str, int]:
    lines: dict[str, int] = {}
    number, start = 1, 0
    for found in _KEY.finditer(text):
        number += text.count("\n", start, found.start())
        start = found.start()
        lines.setdefault(found[1], number)
    return lines


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
