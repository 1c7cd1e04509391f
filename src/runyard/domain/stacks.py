"""What a repository is made of, told by the names in its top folder. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

_SUFFIXES = {
    ".py": "Python",
    ".ts": "TypeScript",
    ".tsx": "TypeScript",
    ".js": "JavaScript",
    ".mjs": "JavaScript",
    ".go": "Go",
    ".rs": "Rust",
    ".java": "Java",
    ".kt": "Kotlin",
    ".rb": "Ruby",
    ".php": "PHP",
    ".cs": "C#",
    ".c": "C",
    ".cpp": "C++",
    ".swift": "Swift",
    ".ex": "Elixir",
    ".sh": "Shell",
}
_MANIFESTS = {  # what is written by hand, and the language that says
    "pyproject.toml": "Python",
    "requirements.txt": "Python",
    "setup.py": "Python",
    "setup.cfg": "Python",
    "Pipfile": "Python",
    "package.json": "JavaScript",
    "tsconfig.json": "TypeScript",
    "go.mod": "Go",
    "Cargo.toml": "Rust",
    "pom.xml": "Java",
    "build.gradle": "Java",
    "build.gradle.kts": "Kotlin",
    "Gemfile": "Ruby",
    "composer.json": "PHP",
    "Package.swift": "Swift",
    "mix.exs": "Elixir",
    "CMakeLists.txt": "C++",
}
_TOOLS = {
    "Dockerfile": "docker",
    "compose.yaml": "docker",
    "docker-compose.yml": "docker",
    ".github": "github",
    ".gitlab-ci.yml": "gitlab-ci",
    "Makefile": "make",
    "tox.ini": "tox",
    "pytest.ini": "pytest",
    "conftest.py": "pytest",
    ".pre-commit-config.yaml": "pre-commit",
    "uv.lock": "uv",
    "poetry.lock": "poetry",
    "package-lock.json": "npm",
    "yarn.lock": "yarn",
    "pnpm-lock.yaml": "pnpm",
}
_WEIGHT = 3
"""A manifest says more of the language than a file in it."""


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """Languages, the one there is most of first; manifests and tools by name."""

    languages: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    @property
    def language(self) -> str | None:
        """The language there is most of."""
        return self.languages[0] if self.languages else None


def stack_of(names: Iterable[str]) -> Stack:
    """What a top folder with these names tells."""
    counted: Counter[str] = Counter()
    manifests, tools = set(), set()
    for name in names:
        if name in _MANIFESTS:
            counted[_MANIFESTS[name]] += _WEIGHT
            manifests.add(name)
        elif "." in name and (language := _SUFFIXES.get(name[name.rindex(".") :])) is not None:
            counted[language] += 1
        if name in _TOOLS:
            tools.add(_TOOLS[name])
    languages = sorted(counted, key=lambda language: (-counted[language], language))
    return Stack(languages=tuple(languages), manifests=tuple(sorted(manifests)), tools=tuple(sorted(tools)))
