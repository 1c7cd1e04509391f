"""Runs, and what is done to many of them or asked by them."""

from __future__ import annotations

from runyard.sdk.calls import approvals, leases, operations, runs, waits, work
from runyard.sdk.methods import AsyncNoun, Lists, ListsRuns, Noun, Sends, SendsForRun, SendsForRuns


class RunMethods:
    """Runs: ask for them, look at them, steer them; and, for executors, take them and report on them."""

    create = SendsForRun(runs.create)
    create_many = SendsForRuns(runs.create_many)
    get = SendsForRun(runs.read)
    list = ListsRuns(runs.list_all)
    cancel = SendsForRun(runs.cancel)
    pause = SendsForRun(runs.pause)
    resume = SendsForRun(runs.resume)
    restart = SendsForRun(runs.restart)
    publish = SendsForRun(runs.publish)
    discard = SendsForRun(runs.discard)
    resolve = SendsForRun(runs.resolve)
    requeue = SendsForRun(runs.requeue)
    retry = SendsForRun(runs.retry)
    replay = SendsForRun(runs.replay)
    reschedule = SendsForRun(runs.reschedule)
    forget_idempotency_key = Sends(runs.forget_idempotency_key)
    explain = Sends(runs.explain)
    dependencies = Sends(runs.dependencies)
    debug = Sends(runs.debug)
    set_debug = SendsForRun(runs.set_debug)
    lineage = Sends(runs.lineage)
    children = ListsRuns(runs.children)
    attempts = Lists(runs.attempts)
    events = Lists(runs.events)
    logs = Lists(runs.logs)
    chunks = Lists(runs.chunks)
    checkpoints = Lists(runs.checkpoints)
    checkpoint = Sends(runs.checkpoint)
    usage = Lists(runs.usage)
    tool_calls = Lists(runs.tool_calls)
    outputs = Lists(runs.outputs)
    output = Sends(runs.output)
    state = Lists(runs.state)
    state_entry = Sends(runs.state_entry)
    approvals = Lists(approvals.of_run)
    artifacts = Lists(runs.artifacts)
    artifact = Sends(runs.artifact)
    artifact_content = Sends(runs.artifact_content)
    findings = Lists(work.of_run)
    actions = Lists(work.actions)
    assignment = Sends(work.assignment)

    claim = Sends(leases.claim)
    start = Sends(leases.start)
    heartbeat = Sends(leases.heartbeat)
    complete = Sends(leases.complete)
    fail = Sends(leases.fail)
    release = Sends(leases.release)
    park = Sends(leases.wait)
    add_logs = Sends(leases.add_logs)
    add_chunk = Sends(leases.stream)
    add_checkpoint = Sends(leases.checkpoint)
    add_usage = Sends(leases.usage)
    add_tool_call = Sends(leases.tool_call)
    put_output = Sends(leases.output)
    put_state = Sends(leases.set_state)
    delete_state = Sends(leases.delete_state)
    upload = Sends(leases.upload)
    add_findings = Sends(work.report)
    add_action = Sends(work.act)


class DeadLetterMethods:
    """Runs whose attempts are used up; `runs.requeue`, `.replay`, `.discard` and `.resolve` act on one."""

    list = ListsRuns(operations.dead)
    groups = Lists(operations.dead_groups)


class BulkMethods:
    """One verb applied to many runs in the background."""

    start = Sends(operations.start_bulk)
    get = Sends(operations.read_bulk)
    list = Lists(operations.list_bulk)
    cancel = Sends(operations.cancel_bulk)


class WaitMethods:
    """Waits of runs for events from outside."""

    list = Lists(waits.list_all)
    find = Sends(waits.find)
    send = Sends(waits.send_event)
    cancel = Sends(waits.cancel)


class ApprovalMethods:
    """What runs ask people for before they do it."""

    list = Lists(approvals.list_all)
    get = Sends(approvals.read)
    approve = Sends(approvals.approve)
    reject = Sends(approvals.reject)


class DeadLetter(DeadLetterMethods, Noun):
    __doc__ = DeadLetterMethods.__doc__


class AsyncDeadLetter(DeadLetterMethods, AsyncNoun):
    __doc__ = DeadLetterMethods.__doc__


class Bulk(BulkMethods, Noun):
    __doc__ = BulkMethods.__doc__


class AsyncBulk(BulkMethods, AsyncNoun):
    __doc__ = BulkMethods.__doc__


class Waits(WaitMethods, Noun):
    __doc__ = WaitMethods.__doc__


class AsyncWaits(WaitMethods, AsyncNoun):
    __doc__ = WaitMethods.__doc__


class Approvals(ApprovalMethods, Noun):
    __doc__ = ApprovalMethods.__doc__


class AsyncApprovals(ApprovalMethods, AsyncNoun):
    __doc__ = ApprovalMethods.__doc__
