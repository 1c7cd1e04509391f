"""What a run's agent saw, thought and did, in the order of time: from its log, its tool calls and its actions."""

from __future__ import annotations

from operator import attrgetter

import msgspec

from runyard.domain import thoughts
from runyard.domain.thoughts import Step
from runyard.engine import runs
from runyard.storage.port import Tx
from runyard.storage.statements import thoughts as sql

MOST = 1000
"""How many steps are shown; what was before them is left out, and the first that is shown says so."""
LEFT_OUT = "earlier_left_out"


def of_run(tx: Tx, project_id: int, run_id: str) -> list[Step]:
    """The run's last steps, oldest first. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    # In reverse, so that of one time what was written first comes first.
    lines = [thoughts.told(one) for one in reversed(sql.lines(tx, run_id, MOST + 1))]
    calls = [thoughts.called(one) for one in reversed(sql.calls(tx, run_id, MOST + 1))]
    actions = [thoughts.done(one) for one in reversed(sql.actions(tx, run_id, MOST + 1))]
    steps = sorted([*lines, *calls, *actions], key=attrgetter("at"))
    if len(steps) <= MOST:
        return steps
    first, *others = steps[-MOST:]
    return [msgspec.structs.replace(first, metadata={**(first.metadata or {}), LEFT_OUT: True}), *others]
