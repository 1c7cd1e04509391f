"""The methods of both clients, said once: which builder hangs under which name."""

from __future__ import annotations

from runyard.sdk.calls import (
    agents,
    approvals,
    jobs,
    keys,
    leases,
    operations,
    repositories,
    runs,
    secrets,
    waits,
    webhooks,
    work,
)
from runyard.sdk.methods import AsyncNoun, Lists, ListsRuns, Noun, Sends, SendsForRun, SendsForRuns, SendsTrigger


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


class JobMethods:
    """Jobs: the definitions that runs are made from."""

    create = Sends(jobs.create)
    get = Sends(jobs.read)
    list = Lists(jobs.list_all)
    update = Sends(jobs.update)
    delete = Sends(jobs.delete)
    versions = Lists(jobs.versions)
    trigger = SendsTrigger(jobs.trigger)


class ScheduleMethods:
    """Schedules: when jobs make runs by the clock, as their definitions say."""

    list = Lists(jobs.schedules)
    get = Sends(jobs.schedule)


class SecretMethods:
    """Secrets of jobs: executors get them, no answer has them."""

    list = Lists(secrets.list_all)
    set = Sends(secrets.put)
    delete = Sends(secrets.delete)


class EnvironmentMethods:
    """Environments: named sets of variables that jobs are run with."""

    list = Lists(secrets.environments)
    get = Sends(secrets.environment)
    set = Sends(secrets.put_environment)
    delete = Sends(secrets.delete_environment)


class WaitMethods:
    """Waits of runs for events from outside."""

    list = Lists(waits.list_all)
    find = Sends(waits.find)
    send = Sends(waits.send_event)
    cancel = Sends(waits.cancel)


class AgentMethods:
    """Agents: jobs with a template and a profile."""

    create = Sends(agents.create)
    get = Sends(agents.read)
    list = Lists(agents.list_all)
    update = Sends(agents.update)
    delete = Sends(agents.delete)
    pause = Sends(agents.pause)
    resume = Sends(agents.resume)
    archive = Sends(agents.archive)
    run = SendsForRun(agents.run)
    health = Sends(agents.health)
    templates = Sends(agents.templates)
    template = Sends(agents.template)


class RepositoryMethods:
    """Repositories: what agents work on, and whose hosts tell of pushes and pull requests."""

    connect = Sends(repositories.connect)
    get = Sends(repositories.read)
    list = Lists(repositories.list_all)
    update = Sends(repositories.update)
    disconnect = Sends(repositories.disconnect)
    rotate_hook = Sends(repositories.rotate_hook)
    close_hook = Sends(repositories.close_hook)
    deliveries = Lists(repositories.deliveries)


class KeyMethods:
    """API keys."""

    create = Sends(keys.create)
    get = Sends(keys.read)
    list = Lists(keys.list_all)
    revoke = Sends(keys.revoke)


class ProjectMethods:
    """Projects: the tenants."""

    create = Sends(keys.create_project)
    get = Sends(keys.read_project)
    list = Lists(keys.list_projects)


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


class ApprovalMethods:
    """What runs ask people for before they do it."""

    list = Lists(approvals.list_all)
    get = Sends(approvals.read)
    approve = Sends(approvals.approve)
    reject = Sends(approvals.reject)


class WebhookMethods:
    """Who outside is told of what, and what was sent."""

    create = Sends(webhooks.create)
    get = Sends(webhooks.read)
    list = Lists(webhooks.list_all)
    update = Sends(webhooks.update)
    rotate = Sends(webhooks.rotate)
    delete = Sends(webhooks.delete)
    test = Sends(webhooks.test)
    deliveries = Lists(webhooks.deliveries)
    delivery = Sends(webhooks.delivery)
    redeliver = Sends(webhooks.redeliver)


class ServerMethods:
    """The server and the project as a whole."""

    events = Lists(operations.events)
    findings = Lists(work.search)
    stats = Sends(operations.stats)
    queues = Sends(operations.queues)
    info = Sends(operations.info)


class Jobs(JobMethods, Noun):
    __doc__ = JobMethods.__doc__


class AsyncJobs(JobMethods, AsyncNoun):
    __doc__ = JobMethods.__doc__


class Schedules(ScheduleMethods, Noun):
    __doc__ = ScheduleMethods.__doc__


class AsyncSchedules(ScheduleMethods, AsyncNoun):
    __doc__ = ScheduleMethods.__doc__


class Secrets(SecretMethods, Noun):
    __doc__ = SecretMethods.__doc__


class AsyncSecrets(SecretMethods, AsyncNoun):
    __doc__ = SecretMethods.__doc__


class Environments(EnvironmentMethods, Noun):
    __doc__ = EnvironmentMethods.__doc__


class AsyncEnvironments(EnvironmentMethods, AsyncNoun):
    __doc__ = EnvironmentMethods.__doc__


class Waits(WaitMethods, Noun):
    __doc__ = WaitMethods.__doc__


class AsyncWaits(WaitMethods, AsyncNoun):
    __doc__ = WaitMethods.__doc__


class Agents(AgentMethods, Noun):
    __doc__ = AgentMethods.__doc__


class AsyncAgents(AgentMethods, AsyncNoun):
    __doc__ = AgentMethods.__doc__


class Repositories(RepositoryMethods, Noun):
    __doc__ = RepositoryMethods.__doc__


class AsyncRepositories(RepositoryMethods, AsyncNoun):
    __doc__ = RepositoryMethods.__doc__


class Keys(KeyMethods, Noun):
    __doc__ = KeyMethods.__doc__


class AsyncKeys(KeyMethods, AsyncNoun):
    __doc__ = KeyMethods.__doc__


class Projects(ProjectMethods, Noun):
    __doc__ = ProjectMethods.__doc__


class AsyncProjects(ProjectMethods, AsyncNoun):
    __doc__ = ProjectMethods.__doc__


class DeadLetter(DeadLetterMethods, Noun):
    __doc__ = DeadLetterMethods.__doc__


class AsyncDeadLetter(DeadLetterMethods, AsyncNoun):
    __doc__ = DeadLetterMethods.__doc__


class Approvals(ApprovalMethods, Noun):
    __doc__ = ApprovalMethods.__doc__


class AsyncApprovals(ApprovalMethods, AsyncNoun):
    __doc__ = ApprovalMethods.__doc__


class Webhooks(WebhookMethods, Noun):
    __doc__ = WebhookMethods.__doc__


class AsyncWebhooks(WebhookMethods, AsyncNoun):
    __doc__ = WebhookMethods.__doc__


class Bulk(BulkMethods, Noun):
    __doc__ = BulkMethods.__doc__


class AsyncBulk(BulkMethods, AsyncNoun):
    __doc__ = BulkMethods.__doc__
