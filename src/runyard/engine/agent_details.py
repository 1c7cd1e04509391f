"""All that is shown of one run to people who watch agents: what it is about, what it found and what it did."""

from __future__ import annotations

import msgspec

from runyard.domain.findings import Action, Finding
from runyard.domain.records import Run
from runyard.engine import actions, agent_lists, findings
from runyard.engine.agent_lists import Watched
from runyard.storage.port import Tx

MOST = findings.MOST
"""How many findings are shown at most: as many as a run may have."""
READ = 16 << 20
"""How much text of findings (characters) is shown at most; all can be had page by page (`findings.of_run`)."""
_AT_ONCE = 1000


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """A run with what it found and did."""

    run: Run
    watched: Watched
    findings: list[Finding]
    actions: list[Action]


def find(tx: Tx, project_id: int, run_id: str) -> Detail:
    """Any run of the project. Raises `NotFound`."""
    run, watched = agent_lists.find(tx, project_id, run_id)
    found = _findings(tx, project_id, run.id) if watched.row.has_results else []
    return Detail(run=run, watched=watched, findings=found, actions=_actions(tx, project_id, run.id))


def _findings(tx: Tx, project_id: int, run_id: str) -> list[Finding]:
    found: list[Finding] = []
    read, after = 0, ""
    while len(found) < MOST and read < READ:
        some = findings.of_run(tx, project_id, run_id, after=after, limit=_AT_ONCE)
        for one in some.rows:
            read += len(one.message) + len(one.suggestion or "")
            if found and read > READ:
                break
            found.append(one)
        if some.more is None:
            break
        after = some.more
    return found


def _actions(tx: Tx, project_id: int, run_id: str) -> list[Action]:
    found: list[Action] = []
    after: str | None = ""
    while after is not None:
        some = actions.of_run(tx, project_id, run_id, after=after, limit=_AT_ONCE)
        found += some.rows
        after = some.more
    return found
