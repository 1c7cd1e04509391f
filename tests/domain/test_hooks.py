"""Triggers: which occasions begin runs, and how maps and lists of them say the same."""

from __future__ import annotations

import time
from typing import Any

import pytest

from runyard.domain import hooks
from runyard.domain.agents import AgentProfile
from runyard.domain.errors import Invalid


@pytest.mark.parametrize("said", [True, None, {}])
def test_a_type_that_is_not_narrowed_takes_what_usually_comes(said: Any):
    triggers = {"pull_request": said, "push": said}
    assert hooks.matches(triggers, "pull_request", "opened", "main")
    assert hooks.matches(triggers, "push", None, "feature/x", ["a.py"])
    assert not hooks.matches(triggers, "pull_request", "closed", "main")
    assert not hooks.matches(triggers, "release", "published")


def test_what_is_not_there_or_false_takes_nothing():
    assert not hooks.matches({}, "push", None, "main")
    assert not hooks.matches({"push": False}, "push", None, "main")


@pytest.mark.parametrize("said", [["closed"], {"events": ["closed"]}, {"types": ["closed"]}])
def test_events_that_are_named_are_the_only_ones(said: Any):
    assert hooks.matches({"pull_request": said}, "pull_request", "closed")
    assert not hooks.matches({"pull_request": said}, "pull_request", "opened")


@pytest.mark.parametrize(
    ("glob", "fitting", "other"),
    [
        ("main", "main", "main2"),
        ("release/*", "release/1.0", "release/1.0/fix"),
        ("release/**", "release/1.0/fix", "releases"),
        ("**/*.md", "README.md", "README.rst"),
        ("**/*.md", "docs/guide/a.md", "docs/md"),
        ("src/**/test_?.py", "src/test_a.py", "src/test_ab.py"),
        ("src/**/a/**/b", "src/a/x/y/b", "src/x/y/b"),
        ("v[0-9]*", "v1.2", "vx"),
        ("**", "anything/at/all", None),
        ("dependabot[bot]", "dependabot[bot]", "someone"),
    ],
)
def test_globs(glob: str, fitting: str, other: str | None):
    triggers = {"push": {"branches": [glob]}}
    assert hooks.matches(triggers, "push", None, fitting)
    assert other is None or not hooks.matches(triggers, "push", None, other)


def test_branches_and_paths_may_be_left_out():
    triggers = {
        "pull_request": {
            "branches": {"include": ["main", "release/*"], "exclude": ["release/old"]},
            "paths": {"include": ["src/**"], "exclude": ["**/*.md"]},
            "filters": {"draft": False, "author": {"exclude": ["renovate[bot]"]}},
        }
    }

    def asks(branch: str = "main", paths: list[str] | None = None, **said: Any) -> bool:
        return hooks.matches(triggers, "pull_request", "opened", branch, paths, **said)

    assert asks()
    assert asks("release/new", ["docs/a.md", "src/a.py"])
    assert not asks("release/old")
    assert not asks("main", ["src/a.md"])
    assert not asks("main", [])
    assert asks("main", ["docs/a"] * (hooks.LOOKED_AT + 1))
    assert not asks(draft=True)
    assert not asks(author="renovate[bot]")
    assert asks(author="ada")


def test_the_default_branch_goes_by_its_name():
    triggers = {"push": {"branches": [hooks.DEFAULT_BRANCH]}}
    assert hooks.matches(triggers, "push", None, "trunk", default_branch="trunk")
    assert not hooks.matches(triggers, "push", None, "main", default_branch="trunk")
    assert hooks.matches(triggers, "push", None, "main")


def test_globs_that_mean_harm_take_no_long_time():
    triggers = {"push": {"paths": ["**/" * 60 + "x", "*a" * 120 + "b", "a/**/" * 40 + "b"]}}
    hooks.check(triggers)
    began = time.thread_time()
    assert not hooks.matches(triggers, "push", None, "main", ["a/" * 120 + "y", "a" * 250])
    assert time.thread_time() - began < 1


def test_agents_that_say_nothing_go_by_their_template():
    assert hooks.triggers_of(AgentProfile()) == {}
    assert hooks.triggers_of(AgentProfile(template="code-reviewer", triggers={})) == {}
    usual = hooks.triggers_of(AgentProfile(template="code-reviewer"))
    assert hooks.matches(usual, "pull_request", "synchronize", "main")
    assert hooks.matches(usual, "push", None, "main")
    assert not hooks.matches(usual, "push", None, "feature")
    hooks.check(usual)
    assert "schedule" not in hooks.triggers_of(AgentProfile(template="dependency-auditor"))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (False, None),
        ("0 9 * * 1", ("0 9 * * 1", None)),
        ({"cron": "0 9 * * 1", "timezone": "Europe/Vienna"}, ("0 9 * * 1", "Europe/Vienna")),
        ([{"cron": "0 9 * * 1"}], ("0 9 * * 1", None)),
    ],
)
def test_schedules(said: Any, meant: Any):
    assert hooks.schedule_of({"schedule": said}) == meant
    assert hooks.schedule_of({}) is None


@pytest.mark.parametrize(
    "triggers",
    [
        {"push": "main"},
        {"push": ["main"]},
        {"push": {"branches": "main"}},
        {"push": {"branches": [1]}},
        {"push": {"branches": [""]}},
        {"push": {"paths": ["x"] * 51}},
        {"push": {"paths": {"include": "x"}}},
        {"pull_request": {"events": "opened"}},
        {"pull_request": {"filters": {"draft": "no"}}},
        {"pull_request": {"filters": ["draft"]}},
        {"schedule": True},
        {"schedule": {}},
        {"schedule": {"cron": 5}},
        {"schedule": {"cron": "0 0 * * *", "timezone": 1}},
        {"schedule": [{"cron": "0 0 * * *"}, {"cron": "0 1 * * *"}]},
        {"x" * 65: True},
        {"": True},
        {str(number): True for number in range(33)},
        {"other": "x" * 20_000},
    ],
)
def test_what_nobody_could_go_by_is_refused(triggers: Any):
    with pytest.raises(Invalid):
        hooks.check(triggers)


def test_types_of_others_stay():
    triggers = {"deployment": {"environments": ["production"]}, "manual": {}}
    hooks.check(triggers)
    assert hooks.flat(triggers) == ["deployment", "manual"]


def test_a_list_says_types_and_events():
    triggers = {
        "pull_request": {"types": ["opened", "reopened"], "branches": ["main"]},
        "push": True,
        "schedule": {"cron": "0 0 * * *"},
        "webhook": False,
    }
    words = ["pull_request.opened", "pull_request.reopened", "push", "schedule"]
    assert hooks.flat(triggers) == words
    assert hooks.merged(triggers, words) == {name: said for name, said in triggers.items() if said is not False}


def test_a_list_keeps_what_it_cannot_say():
    triggers = {"pull_request": {"types": ["opened"], "branches": ["main"]}, "push": {"paths": ["src/**"]}}
    assert hooks.merged(triggers, ["pull_request.closed", "manual"]) == {
        "pull_request": {"types": ["closed"], "branches": ["main"]},
        "manual": {},
    }
    assert hooks.merged(triggers, ["pull_request", "push"]) == {
        "pull_request": {"branches": ["main"]},
        "push": {"paths": ["src/**"]},
    }
    assert hooks.merged({}, ["pull_request.opened", "pull_request.opened"]) == {"pull_request": ["opened"]}
    assert hooks.merged({"pull_request": ["opened"]}, ["pull_request", "pull_request.opened"]) == {"pull_request": {}}
    assert hooks.merged({"push": True}, []) == {}


@pytest.mark.parametrize("words", [[""], [".opened"], ["push."], ["push"] * 101])
def test_a_list_of_what_is_no_trigger_is_refused(words: list[str]):
    with pytest.raises(Invalid):
        hooks.merged({}, words)
