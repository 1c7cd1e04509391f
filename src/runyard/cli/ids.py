"""Runs, tasks, sessions, reviews and bridges named by part of their id."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
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
    return _fitting(text, "run", lambda: (run.id for run in client.runs.list(limit=RECENT)))


def task_id(client: Client, text: str) -> str:
    """The id of the one task lately active whose id begins or ends so; whole ids and names are taken as they are."""
    if "~" in text:
        return text.strip()
    return _fitting(text, "task", lambda: (one.id for one in client.tasks.list(include_drafts=True, limit=RECENT)))


def coding_task_id(client: Client, text: str) -> str:
    """The id of the one recent coding task whose id begins or ends so; whole ids and names are taken as they are."""
    if "~" in text:
        return text.strip()
    return _fitting(text, "coding task", lambda: (one.id for one in client.coding_tasks.list(limit=RECENT)))


def session_id(client: Client, text: str) -> str:
    """The id of the one recent session whose id begins or ends so; a whole id is taken as it is."""
    return _fitting(text, "session", lambda: (one.id for one in client.sessions.list(limit=RECENT)))


def review_id(client: Client, text: str) -> str:
    """The id of the one recent review whose id begins or ends so; a whole id is taken as it is."""
    return _fitting(text, "review", lambda: (one.id for one in client.reviews.list(limit=RECENT)))


def bridge_id(client: Client, text: str) -> str:
    """The id of the one bridge that has this name, or whose id begins or ends so; a whole id is taken as it is."""
    wanted = text.strip()
    if WHOLE.fullmatch(wanted.lower()):
        return wanted.lower()
    known = [*client.bridges.list(limit=RECENT)]
    named = [one.id for one in known if one.name == wanted]
    if len(named) > 1:
        raise usage(f"{len(named)} bridges are called {wanted!r}", "They are " + ", ".join(named))
    return named[0] if named else _fitting(text, "bridge", lambda: (one.id for one in known))


def workspace_id(client: Client, text: str) -> str:
    """The id of the workspace that has this name; a whole id is taken as it is."""
    wanted = text.strip().lower()
    return wanted if WHOLE.fullmatch(wanted) else client.workspaces.get(text).id


def _fitting(text: str, what: str, ids: Callable[[], Iterable[str]]) -> str:
    wanted = text.strip().lower()
    if WHOLE.fullmatch(wanted):
        return wanted
    if not PART.fullmatch(wanted):
        raise usage(
            f"{text!r} is not the id of a {what}",
            "Give the whole id, or at least 8 characters of its beginning or end.",
        )
    found = [whole for whole in ids() if whole.startswith(wanted) or whole.endswith(wanted)]
    if not found:
        raise Failure(
            f"None of the {RECENT} newest {what}s has an id that begins or ends with {wanted}.",
            code="not_found",
            hint="Give the whole id.",
            exit=Exit.NOT_FOUND,
        )
    if len(found) > 1:
        raise usage(
            f"{len(found)} recent {what}s fit {wanted}",
            "They are " + ", ".join(found[:5]) + (" …" if found[5:] else ""),
        )
    return found[0]
