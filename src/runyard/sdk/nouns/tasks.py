"""Tasks, their runs and reviews, and the sessions that work on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from runyard.sdk.calls import bridges, inbox, reviews, scheduler, session_leases, sessions, task_runs, tasks
from runyard.sdk.methods import AsyncNoun, Lists, Noun, Sends
from runyard.sdk.models import SessionEvent, TaskEvent


class TaskMethods:
    """Tasks: intended work, which depends on other tasks, waits for approval, and is done in runs by sessions."""

    create = Sends(tasks.create)
    get = Sends(tasks.read)
    list = Lists(tasks.list_all)
    update = Sends(tasks.update)
    delete = Sends(tasks.delete)
    publish = Sends(tasks.publish)
    start = Sends(tasks.start)
    enqueue = Sends(tasks.enqueue)
    approve = Sends(tasks.approve)
    reject = Sends(tasks.reject)
    pause = Sends(tasks.pause)
    resume = Sends(tasks.resume)
    cancel = Sends(tasks.cancel)
    dependencies = Lists(tasks.dependencies)
    add_dependency = Sends(tasks.add_dependency)
    remove_dependency = Sends(tasks.remove_dependency)
    profile = Sends(tasks.profile)
    set_profile = Sends(tasks.set_profile)
    delete_profile = Sends(tasks.delete_profile)
    subscriptions = Lists(bridges.subscriptions)
    subscription = Sends(bridges.subscription)
    subscribe = Sends(bridges.subscribe)
    unsubscribe = Sends(bridges.unsubscribe)
    tree = Sends(tasks.tree)
    runs = Lists(tasks.runs)
    timeline = Lists(tasks.timeline)
    inspect = Sends(tasks.inspect)
    stats = Sends(tasks.stats)


class TaskRunMethods:
    """Runs of tasks, and what people do to them; what their sessions do is in `sessions`."""

    get = Sends(task_runs.read)
    inspect = Sends(task_runs.inspect)
    claim = Sends(task_runs.claim)
    start = Sends(task_runs.start)
    attach = Sends(task_runs.attach)
    end = Sends(task_runs.end)
    cancel = Sends(task_runs.cancel)
    retry = Sends(task_runs.retry)
    recover = Sends(task_runs.recover)
    force_release = Sends(task_runs.force_release)
    force_fail = Sends(task_runs.force_fail)
    force_release_many = Sends(task_runs.force_release_many)
    force_fail_many = Sends(task_runs.force_fail_many)


class SessionMethods:
    """Sessions of agents: their presence, what is said to them, and the runs of tasks that they take."""

    create = Sends(sessions.create)
    get = Sends(sessions.read)
    list = Lists(sessions.list_all)
    stop = Sends(sessions.stop)
    spawn = Sends(sessions.spawn)
    situation = Sends(sessions.situation)
    events = Lists(sessions.events)
    prompts = Lists(sessions.prompts)
    prompt = Sends(sessions.prompt)
    cancel_prompt = Sends(sessions.cancel_prompt)
    take_prompts = Sends(sessions.take_prompts)
    channels = Lists(sessions.channels)
    say = Sends(sessions.say)
    receive = Sends(sessions.receive)

    claim = Sends(session_leases.claim)
    heartbeat = Sends(session_leases.heartbeat)
    complete = Sends(session_leases.complete)
    fail = Sends(session_leases.fail)
    release = Sends(session_leases.release)


class ReviewMethods:
    """Reviews: judgements of runs of tasks, by people or by sessions."""

    request = Sends(reviews.request)
    list = Lists(reviews.list_all)
    get = Sends(reviews.read)
    claim = Sends(reviews.claim)
    verdict = Sends(reviews.verdict)


class InboxMethods:
    """What waits for whoever holds the key, and what they have seen of it."""

    get = Sends(inbox.look)
    read = Sends(inbox.read)
    archive = Sends(inbox.archive)
    dismiss = Sends(inbox.dismiss)


class SchedulerMethods:
    """Whether queued runs of tasks are handed out."""

    status = Sends(scheduler.status)
    pause = Sends(scheduler.pause)
    resume = Sends(scheduler.resume)
    drain = Sends(scheduler.drain)
    backlog = Sends(scheduler.backlog)


class Tasks(TaskMethods, Noun):
    __doc__ = TaskMethods.__doc__

    def stream(self, task_id: str, *, after: int | None = None) -> Iterator[TaskEvent]:
        """What happens to a task and to all below it, from the beginning or after a `seq` on; it has no end."""
        items = self._client.follow(tasks.stream_path(task_id), TaskEvent, after=after)
        return (item for item in items if isinstance(item, TaskEvent))


class AsyncTasks(TaskMethods, AsyncNoun):
    __doc__ = TaskMethods.__doc__

    def stream(self, task_id: str, *, after: int | None = None) -> AsyncIterator[TaskEvent]:
        """What happens to a task and to all below it, from the beginning or after a `seq` on; it has no end."""
        items = self._client.follow(tasks.stream_path(task_id), TaskEvent, after=after)
        return (item async for item in items if isinstance(item, TaskEvent))


class TaskRuns(TaskRunMethods, Noun):
    __doc__ = TaskRunMethods.__doc__


class AsyncTaskRuns(TaskRunMethods, AsyncNoun):
    __doc__ = TaskRunMethods.__doc__


class Sessions(SessionMethods, Noun):
    __doc__ = SessionMethods.__doc__

    def stream(self, session_id: str, *, after: int | None = None) -> Iterator[SessionEvent]:
        """What happens to a session and is said to it, from the beginning or after a `number` on, until it stops."""
        items = self._client.follow(sessions.stream_path(session_id), SessionEvent, after=after)
        return (item for item in items if isinstance(item, SessionEvent))


class AsyncSessions(SessionMethods, AsyncNoun):
    __doc__ = SessionMethods.__doc__

    def stream(self, session_id: str, *, after: int | None = None) -> AsyncIterator[SessionEvent]:
        """What happens to a session and is said to it, from the beginning or after a `number` on, until it stops."""
        items = self._client.follow(sessions.stream_path(session_id), SessionEvent, after=after)
        return (item async for item in items if isinstance(item, SessionEvent))


class Reviews(ReviewMethods, Noun):
    __doc__ = ReviewMethods.__doc__


class AsyncReviews(ReviewMethods, AsyncNoun):
    __doc__ = ReviewMethods.__doc__


class Inbox(InboxMethods, Noun):
    __doc__ = InboxMethods.__doc__


class AsyncInbox(InboxMethods, AsyncNoun):
    __doc__ = InboxMethods.__doc__


class Scheduler(SchedulerMethods, Noun):
    __doc__ = SchedulerMethods.__doc__


class AsyncScheduler(SchedulerMethods, AsyncNoun):
    __doc__ = SchedulerMethods.__doc__
