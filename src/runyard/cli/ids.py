"""Runs named by part of their id."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runyard.cli.exits import Exit
from runyard.cli.failures import Failure, usage

if TYPE_CHECKING:
    from runyard.sdk import Client

WHOLE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
PART = re.compile(r"[0-9a-f-]{8,36}")
RECENT = 1000


def run_id(client: Client, text: str) -> str:
    """The id of the one recent run whose id begins or ends so; a whole id is taken as it is. Raises `Failure`.

    Ids begin with the time, so runs made within a minute share their first 8 characters: the end tells them apart.
    """
    wanted = text.strip().lower()
    if WHOLE.fullmatch(wanted):
        return wanted
    if not PART.fullmatch(wanted):
        raise usage(
            f"{text!r} is not the id of a run", "Give the whole id, or at least 8 characters of its beginning or end."
        )
    recent = (run.id for run in client.runs.list(limit=RECENT))
    found = [whole for whole in recent if whole.startswith(wanted) or whole.endswith(wanted)]
    if not found:
        raise Failure(
            f"None of the {RECENT} newest runs has an id that begins or ends with {wanted}.",
            code="not_found",
            hint="Give the whole id.",
            exit=Exit.NOT_FOUND,
        )
    if len(found) > 1:
        raise usage(
            f"{len(found)} recent runs fit {wanted}", "They are " + ", ".join(found[:5]) + (" …" if found[5:] else "")
        )
    return found[0]
