"""What a run's context does for an agent, kept in lists."""

import threading
from typing import Any, cast

from runyard.agents.assignments import AssignedRepository, Assignment
from runyard.sdk import Context


class Desk:
    """Stands for the context of a run."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self.lines: list[str] = []
        self.thoughts: list[str] = []
        self.progressed: list[str] = []
        self.tools: list[tuple[str, dict[str, Any]]] = []
        self.reports: list[dict[str, Any]] = []

    def log(self, message: str, level: str = "info", **data: Any) -> None:
        self.lines.append(message)

    def think(self, text: str, **data: Any) -> None:
        self.thoughts.append(text)

    observe = think

    def progress(self, message: str, done: float | None = None, total: float | None = None) -> None:
        self.progressed.append(message)

    def tool_call(self, name: str, **fields: Any) -> None:
        self.tools.append((name, fields))

    def findings(self, findings: Any, **fields: Any) -> None:
        self.reports.append({"findings": [*findings], **fields})

    @property
    def found(self) -> list[tuple[str, str, str, int]]:
        """What was told, in order: severity, rule, file and line."""
        told = [finding for report in self.reports for finding in report["findings"]]
        return sorted((one["severity"], one["rule"], one["file"], one["line"]) for one in told)

    @property
    def context(self) -> Context:
        return cast("Context", self)


def assigned(path: object, config: dict[str, Any] | None = None, **payload: Any) -> Assignment:
    """A run of an agent on a repository of this machine."""
    repository = AssignedRepository(
        id="r", provider="local", full_name="acme/shop", default_branch="main", path=str(path)
    )
    return Assignment(run_id="x", repository=repository, config=config or {}, payload=payload)
