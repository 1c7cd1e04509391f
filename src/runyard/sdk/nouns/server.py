"""The server, its projects, and what they are connected to."""

from __future__ import annotations

from runyard.sdk.calls import keys, operations, repositories, webhooks, work
from runyard.sdk.methods import AsyncNoun, Lists, Noun, Sends


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
    rotate = Sends(keys.rotate)
    connection = Sends(keys.list_connection_keys)
    rotate_connection = Sends(keys.rotate_connection_key)


class ProjectMethods:
    """Projects: the tenants."""

    create = Sends(keys.create_project)
    get = Sends(keys.read_project)
    list = Lists(keys.list_projects)
    update = Sends(keys.update_project)
    delete = Sends(keys.delete_project)


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


class Webhooks(WebhookMethods, Noun):
    __doc__ = WebhookMethods.__doc__


class AsyncWebhooks(WebhookMethods, AsyncNoun):
    __doc__ = WebhookMethods.__doc__
