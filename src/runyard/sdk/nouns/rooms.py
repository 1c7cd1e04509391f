"""Where agents work and talk, and the ways on which people hear of them."""

from __future__ import annotations

from runyard.sdk.calls import bridges, channels, personas, workspaces
from runyard.sdk.methods import AsyncNoun, Lists, Noun, Sends


class WorkspaceMethods:
    """Workspaces: where agents work."""

    create = Sends(workspaces.create)
    get = Sends(workspaces.read)
    list = Lists(workspaces.list_all)
    update = Sends(workspaces.update)
    delete = Sends(workspaces.delete)


class PersonaMethods:
    """Agents by name: what they are, in a workspace or in all of them. Sessions need no definition of their agent."""

    create = Sends(personas.create)
    get = Sends(personas.read)
    list = Lists(personas.list_all)
    redefine = Sends(personas.redefine)
    delete = Sends(personas.delete)


class ChannelMethods:
    """Channels: where sessions talk; what they say and hear there is in `sessions`."""

    describe = Sends(channels.describe)
    get = Sends(channels.read)
    list = Lists(channels.list_all)
    messages = Lists(channels.messages)


class BridgeMethods:
    """Bridges: the ways on which people are told of the ends of tasks; who is told of which is in `tasks`."""

    create = Sends(bridges.create)
    get = Sends(bridges.read)
    list = Lists(bridges.list_all)
    update = Sends(bridges.update)
    delete = Sends(bridges.delete)
    enable = Sends(bridges.enable)
    disable = Sends(bridges.disable)
    restart = Sends(bridges.restart)
    targets = Lists(bridges.targets)
    resolve = Sends(bridges.resolve)


class Workspaces(WorkspaceMethods, Noun):
    __doc__ = WorkspaceMethods.__doc__


class AsyncWorkspaces(WorkspaceMethods, AsyncNoun):
    __doc__ = WorkspaceMethods.__doc__


class Personas(PersonaMethods, Noun):
    __doc__ = PersonaMethods.__doc__


class AsyncPersonas(PersonaMethods, AsyncNoun):
    __doc__ = PersonaMethods.__doc__


class Channels(ChannelMethods, Noun):
    __doc__ = ChannelMethods.__doc__


class AsyncChannels(ChannelMethods, AsyncNoun):
    __doc__ = ChannelMethods.__doc__


class Bridges(BridgeMethods, Noun):
    __doc__ = BridgeMethods.__doc__


class AsyncBridges(BridgeMethods, AsyncNoun):
    __doc__ = BridgeMethods.__doc__
