"""Triggers: what begins runs of an agent, and which occasions it is meant by. Pure.

A map by type. `push` and `pull_request` are true, null or an empty map for all occasions, false for none, or say which:

- `events` (or `types`): which events of a pull request; the usual ones when unsaid. A bare list says the same;
- `branches`: globs of the branch that is pushed to, or that the pull request is to be merged into;
- `paths`: globs of files, one of which must have changed;
- `filters`: `draft` (false leaves drafts out) and `author`.

Globs are a list, or a map of two lists, `include` and `exclude`. `schedule` is a cron expression, or a map of `cron`
and `timezone`. Other types may stand in the map: they begin nothing by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import msgspec

from runyard.domain.agents import AgentProfile
from runyard.domain.errors import Invalid
from runyard.domain.templates import TEMPLATES

Triggers = Mapping[str, Any]
HOOKS = ("push", "pull_request")
"""What code hosts tell of."""
USUAL = frozenset({"opened", "synchronize", "reopened", "ready_for_review"})
"""The events of a pull request that change what is to be looked at."""
DEFAULT_BRANCH = "$default-branch"
"""Stands in a list of branches for the repository's default one."""
LOOKED_AT = 300
"""How many changed files are held against globs; of more than these one is taken to match."""
_UNKNOWN_DEFAULTS = ("main", "master")
_MOST_TYPES = 32
_MOST_WORDS = 50
_MOST_BYTES = 16_384
_EVENTS = ("events", "types")
_FIRST = {"push": {"branches": [DEFAULT_BRANCH]}}
"""What narrows a type for agents that were made from a template and say nothing: a push to a branch under review comes
with an event of its pull request."""


class Globs(msgspec.Struct, frozen=True):
    """What matches one of the first, or anything when there are none, and none of the second."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __call__(self, text: str) -> bool:
        return (not self.include or any(_fits(text, one) for one in self.include)) and not any(
            _fits(text, one) for one in self.exclude
        )


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Which occasions of one type begin runs."""

    events: frozenset[str] | None = None
    branches: Globs = Globs()
    paths: Globs = Globs()
    authors: Globs = Globs()
    drafts: bool = True


def triggers_of(profile: AgentProfile) -> Triggers:
    """What begins runs of the agent: what its profile says, else what usually begins those of its template."""
    if profile.triggers is not None:
        return profile.triggers
    template = TEMPLATES.get(profile.template or "")
    return {kind: _FIRST.get(kind, {}) for kind in template.triggers if kind != "schedule"} if template else {}


def matches(
    triggers: Triggers,
    kind: str,
    event: str | None = None,
    branch: str | None = None,
    paths: Sequence[str] | None = None,
    *,
    default_branch: str | None = None,
    draft: bool = False,
    author: str | None = None,
) -> bool:
    """Whether an occasion of that kind begins a run.

    `branch` is the one pushed to, or that a pull request is to be merged into; `paths` are the files that changed, None
    when nobody said which: then any rule about them is taken to hold.
    """
    rule = _rule(kind, triggers.get(kind, False))
    if rule is None:
        return False
    wanted = rule.events if rule.events is not None else USUAL if kind == "pull_request" else None
    if wanted is not None and event not in wanted:
        return False
    if (draft and not rule.drafts) or not rule.authors(author or ""):
        return False
    if branch is not None and not _named(rule.branches, default_branch)(branch):
        return False
    return paths is None or len(paths) > LOOKED_AT or rule.paths == Globs() or any(map(rule.paths, paths))


def schedule_of(triggers: Triggers) -> tuple[str, str | None] | None:
    """Cron expression and time zone of the schedule, if there is one. Raises `Invalid` for one that has none."""
    said = triggers.get("schedule", False)
    if said is False:
        return None
    if isinstance(said, list):
        if len(said) > 1:
            raise Invalid("an agent has one schedule; join the times in one cron expression, or make another agent")
        said = said[0] if said else None
    if isinstance(said, str):
        return said, None
    expression = said.get("cron") if isinstance(said, dict) else None
    zone = said.get("timezone") if isinstance(said, dict) else None
    if not isinstance(expression, str) or not isinstance(zone, str | None):
        raise Invalid('`schedule` needs its cron expression, as in {"cron": "0 9 * * 1", "timezone": "Europe/Vienna"}')
    return expression, zone


def check(triggers: Triggers) -> None:
    """Raises `Invalid` for triggers that nobody could go by."""
    if len(triggers) > _MOST_TYPES or len(msgspec.json.encode(triggers)) > _MOST_BYTES:
        raise Invalid(f"triggers are a map of at most {_MOST_TYPES} types and 16 KiB")
    if any(not 1 <= len(kind) <= 64 for kind in triggers):
        raise Invalid("the type of a trigger has 1 to 64 characters, such as push or pull_request")
    for kind in HOOKS:
        _rule(kind, triggers.get(kind, False))
    schedule_of(triggers)


def flat(triggers: Triggers) -> list[str]:
    """The triggers as a list of `type`, or `type.event` for each event that is named."""
    words: list[str] = []
    for kind, said in triggers.items():
        if said is not False:
            words += [f"{kind}.{event}" for event in _events(said)] or [kind]
    return words


def merged(triggers: Triggers, words: Sequence[str]) -> dict[str, Any]:
    """The triggers that such a list means: what it cannot say of a type stays as it is. Raises `Invalid`."""
    if len(words) > _MOST_WORDS * 2:
        raise Invalid(f"a list of triggers has at most {_MOST_WORDS * 2} entries")
    asked: dict[str, list[str]] = {}
    for word in words:
        kind, dot, event = word.partition(".")
        if not kind or (dot and not event):
            raise Invalid(f"{word[:64]!r} is no trigger; write `type` or `type.event`, as in pull_request.opened")
        events = asked.setdefault(kind, [])
        if event not in events:
            events.append(event)
    # The type alone stands for all of its events.
    return {kind: _with(triggers.get(kind, False), [] if "" in events else events) for kind, events in asked.items()}


def _with(said: Any, events: list[str]) -> Any:
    before = _events(said)
    if said is not False and before == events:
        return said
    if isinstance(said, dict):
        rest = {name: value for name, value in said.items() if name not in _EVENTS}
        name = next((name for name in _EVENTS if name in said), "types")
        return {**rest, name: events} if events else rest
    if not events:
        return {} if said is False or before else said
    return events


def _events(said: Any) -> list[str]:
    """The events that are named of a type."""
    if isinstance(said, dict):
        said = next((said[name] for name in _EVENTS if name in said), None)
    return [one for one in said if isinstance(one, str)] if isinstance(said, list) else []


def _rule(kind: str, said: Any) -> Rule | None:
    """What is said of a type; None when it begins nothing. Raises `Invalid`."""
    if said is False:
        return None
    if said is None or said is True:
        return Rule()
    if isinstance(said, list):
        said = {"events": said}
    if not isinstance(said, dict):
        raise Invalid(f"`{kind}` is true, false, or a map of what narrows it, such as branches and paths")
    found = [said[name] for name in _EVENTS if said.get(name) is not None]
    if found and kind == "push":
        raise Invalid('a push has no events; narrow it by {"branches": […]} or {"paths": […]}')
    filters = said.get("filters") or {}
    if not isinstance(filters, dict) or not isinstance(filters.get("draft"), bool | None):
        raise Invalid(f"`{kind}.filters` is a map of draft (true or false) and author")
    return Rule(
        events=frozenset(_words(f"{kind}.events", found[0])) if found else None,
        branches=_globs(f"{kind}.branches", said.get("branches")),
        paths=_globs(f"{kind}.paths", said.get("paths")),
        authors=_globs(f"{kind}.filters.author", filters.get("author")),
        drafts=filters.get("draft") is not False,
    )


def _globs(what: str, said: Any) -> Globs:
    if said is None:
        return Globs()
    if isinstance(said, dict):
        return Globs(*(_words(f"{what}.{name}", said.get(name) or []) for name in ("include", "exclude")))
    return Globs(_words(what, said))


def _words(what: str, said: Any) -> tuple[str, ...]:
    fine = isinstance(said, list) and len(said) <= _MOST_WORDS
    if not fine or any(not isinstance(one, str) or not 1 <= len(one) <= 255 for one in said):
        raise Invalid(f"`{what}` is a list of at most {_MOST_WORDS} texts of 1 to 255 characters")
    return tuple(said)


def _named(branches: Globs, default_branch: str | None) -> Globs:
    """The globs with the default branch by its name."""
    defaults = _UNKNOWN_DEFAULTS if default_branch is None else (default_branch,)
    return Globs(
        *(
            tuple(name for one in globs for name in (defaults if one == DEFAULT_BRANCH else (one,)))
            for globs in (branches.include, branches.exclude)
        )
    )


def _fits(text: str, glob: str) -> bool:
    """Whether the glob matches: `*` and `?` stay within a segment, `**` stands for any number of them."""
    return text == glob or _fit(tuple(text.split("/")), tuple(glob.split("/")))


@lru_cache(maxsize=1024)
def _collapsed(globs: tuple[str, ...]) -> tuple[str, ...]:
    """The segments without repeated `**`."""
    return tuple(one for at, one in enumerate(globs) if one != "**" or at == 0 or globs[at - 1] != "**")


def _fit(texts: tuple[str, ...], globs: tuple[str, ...]) -> bool:
    # Which segments of the glob may come next, text by text: no more steps than segments times segments.
    globs = _collapsed(globs)
    places = _reach({0}, globs)
    for text in texts:
        after = {at for at in places if at < len(globs) and globs[at] == "**"}
        after |= {at + 1 for at in places if at < len(globs) and globs[at] != "**" and fnmatchcase(text, globs[at])}
        places = _reach(after, globs)
    return len(globs) in places


def _reach(places: set[int], globs: tuple[str, ...]) -> set[int]:
    """The places with those behind a `**` that stands for nothing."""
    return places | {at + 1 for at in places if at < len(globs) and globs[at] == "**"}
