"""Jobs, what they are run with, and agents."""

from __future__ import annotations

from runyard.sdk.calls import agents, jobs, secrets
from runyard.sdk.methods import AsyncNoun, Lists, Noun, Sends, SendsForRun, SendsTrigger


class JobMethods:
    """Jobs: the definitions that runs are made from."""

    create = Sends(jobs.create)
    get = Sends(jobs.read)
    list = Lists(jobs.list_all)
    update = Sends(jobs.update)
    delete = Sends(jobs.delete)
    versions = Lists(jobs.versions)
    health = Sends(jobs.health)
    dependencies = Lists(jobs.dependencies)
    add_dependency = Sends(jobs.add_dependency)
    remove_dependency = Sends(jobs.remove_dependency)
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
    stats = Sends(agents.stats)
    templates = Sends(agents.templates)
    template = Sends(agents.template)


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


class Agents(AgentMethods, Noun):
    __doc__ = AgentMethods.__doc__


class AsyncAgents(AgentMethods, AsyncNoun):
    __doc__ = AgentMethods.__doc__
