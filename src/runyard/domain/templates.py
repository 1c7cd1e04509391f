"""Templates: what agents that come with the server are made from. Pure.

Each slug is a queue of the executor `agent`, and a module of `runyard.agents` works on it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from runyard.domain.errors import NotFound
from runyard.domain.policy import SECOND, Policy

Risk = Literal["low", "medium", "high", "critical"]


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of agent."""

    slug: str
    name: str
    description: str
    category: str
    triggers: tuple[str, ...]
    """What usually begins its runs."""
    capabilities: tuple[str, ...]
    stack: dict[str, tuple[str, ...]]
    """What a repository needs for it, by kind; nothing is anything."""
    complexity: Literal["simple", "moderate", "complex"]
    risk: Risk
    setup_minutes: int
    policy: Policy


def _policy(minutes: int) -> Policy:
    return Policy(max_attempts=3, timeout=minutes * 60 * SECOND)


TEMPLATES = {
    one.slug: one
    for one in (
        Template(
            slug="code-reviewer",
            name="Code reviewer",
            description="Reviews a repository, or what changed in it since a base, and reports findings line by line.",
            category="quality",
            triggers=("pull_request", "push", "manual"),
            capabilities=("static-analysis", "diff-review", "secret-detection"),
            stack={},
            complexity="simple",
            risk="low",
            setup_minutes=1,
            policy=_policy(11),
        ),
        Template(
            slug="security-scanner",
            name="Security scanner",
            description="Looks for insecure code, secrets and unsafe settings in a repository.",
            category="security",
            triggers=("push", "schedule", "manual"),
            capabilities=("static-analysis", "secret-detection"),
            stack={},
            complexity="simple",
            risk="low",
            setup_minutes=1,
            policy=_policy(11),
        ),
        Template(
            slug="dependency-auditor",
            name="Dependency auditor",
            description="Checks what a repository depends on: known vulnerabilities, pins, hashes and sources.",
            category="security",
            triggers=("schedule", "push", "manual"),
            capabilities=("dependency-analysis", "advisories"),
            stack={"manifests": ("requirements.txt", "pyproject.toml", "package.json")},
            complexity="moderate",
            risk="low",
            setup_minutes=2,
            policy=_policy(16),
        ),
        Template(
            slug="test-runner",
            name="Test runner",
            description="Runs the tests of a repository and reports each that fails.",
            category="testing",
            triggers=("pull_request", "push", "manual"),
            capabilities=("test-execution",),
            stack={"tests": ("pytest", "unittest")},
            complexity="moderate",
            risk="high",
            setup_minutes=5,
            policy=_policy(31),
        ),
    )
}


def template(slug: str) -> Template:
    """The template of that slug. Raises `NotFound`."""
    found = TEMPLATES.get(slug)
    if found is None:
        raise NotFound(f"there is no template {slug[:64]!r}; there are {', '.join(TEMPLATES)}")
    return found
