"""What the processes of a whole run do when they collect: share the rewriting, and leave alone what stays."""

from __future__ import annotations

import contextlib
import gc
import importlib

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Import this worker's share of the tests before all others.

    In a new checkout each assertion has yet to be rewritten, which takes every worker 15 seconds when all of them begin
    with the same file, and finds the rest done when each begins with another one.
    """
    told = getattr(session.config, "workerinput", None)
    if told is None or session.config.args != session.config.getini("testpaths"):
        return
    paths = sorted(session.config.rootpath.glob("tests/**/test_*.py"))
    for path in paths[int(told["workerid"].removeprefix("gw")) :: told["workercount"]]:
        name = ".".join(path.relative_to(session.config.rootpath).with_suffix("").parts)
        # Whatever is wrong with it is told when it is collected.
        with contextlib.suppress(Exception, pytest.skip.Exception):
            importlib.import_module(name)


def pytest_collection_finish() -> None:
    """Spare the collector of garbage what is kept until the end: all modules and tests."""
    gc.collect()
    gc.freeze()
