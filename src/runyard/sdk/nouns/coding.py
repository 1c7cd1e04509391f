"""Coding tasks, their runs, the sandboxes that agents work in, and the threads that hear of runs."""

from __future__ import annotations

from runyard.sdk.calls import coding
from runyard.sdk.methods import AsyncNoun, Lists, Noun, Sends


class CodingTaskMethods:
    """Coding tasks: what agents are to change in a repository."""

    create = Sends(coding.create_task)
    get = Sends(coding.read_task)
    list = Lists(coding.list_tasks)
    update = Sends(coding.update_task)
    delete = Sends(coding.delete_task)
    run = Sends(coding.run_task)
    runs = Lists(coding.runs_of_task)


class CodingRunMethods:
    """Runs of coding tasks, in sandboxes or outside; they are followed and canceled as any run, in `runs`."""

    get = Sends(coding.read_run)
    update = Sends(coding.update_run)
    start = Sends(coding.start_run)
    reopen = Sends(coding.reopen_run)
    say = Sends(coding.say)
    interrupt = Sends(coding.interrupt)
    token = Sends(coding.token)


class SandboxMethods:
    """Sandboxes: what agents work in now."""

    list = Lists(coding.list_sandboxes)
    isolation = Sends(coding.isolation)


class ThreadMethods:
    """Chat threads: which one hears of a run, and what was said there."""

    set = Sends(coding.set_thread)
    get = Sends(coding.read_thread)
    drop = Sends(coding.drop_thread)
    relays = Lists(coding.relays)


class CodingTasks(CodingTaskMethods, Noun):
    __doc__ = CodingTaskMethods.__doc__


class AsyncCodingTasks(CodingTaskMethods, AsyncNoun):
    __doc__ = CodingTaskMethods.__doc__


class CodingRuns(CodingRunMethods, Noun):
    __doc__ = CodingRunMethods.__doc__


class AsyncCodingRuns(CodingRunMethods, AsyncNoun):
    __doc__ = CodingRunMethods.__doc__


class Sandboxes(SandboxMethods, Noun):
    __doc__ = SandboxMethods.__doc__


class AsyncSandboxes(SandboxMethods, AsyncNoun):
    __doc__ = SandboxMethods.__doc__


class Threads(ThreadMethods, Noun):
    __doc__ = ThreadMethods.__doc__


class AsyncThreads(ThreadMethods, AsyncNoun):
    __doc__ = ThreadMethods.__doc__
