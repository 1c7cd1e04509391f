"""Requests that succeed: workspaces, agents by name, sessions and channels."""

from __future__ import annotations

import itertools

from runyard.domain.channels import Message
from runyard.domain.sessions import Session
from runyard.engine import channels, prompts
from runyard.engine.channels import NewMessage
from tests.dialects.native.recipes import Ask, recipe
from tests.support.api import Api, good
from tests.support.stand import Stand
from tests.support.verbs import Json
from tests.support.yard import Yard

_numbers = itertools.count()


def workspace_of(api: Api) -> Json:
    made: Json = good(api.post("/workspaces", {"root_dir": f"/src/shop-{next(_numbers)}"}), 201)
    return made


def persona_of(api: Api) -> str:
    return str(good(api.post("/personas", {"name": f"coder-{next(_numbers)}", "prompt": "Write code."}), 201)["name"])


def session_of(stand: Stand, **new: object) -> Session:
    """A new session of project `default`."""
    return Yard(stand.store, stand.clock).session(**new)  # type: ignore[arg-type]


def talking(stand: Stand) -> tuple[Session, Message]:
    """A session, and what another said in their channel."""
    name = f"lobby-{next(_numbers)}"
    one, other = session_of(stand, channel=name), session_of(stand, channel=name)
    new = NewMessage(kind="request", body='{"body":"which one?","metadata":{"about":1}}')
    return one, stand.store.transact(channels.say, other, name, new)


def prompt_of(stand: Stand, session: Session) -> str:
    return stand.store.transact(prompts.queue, 1, session.id, "hello").prompt.id


@recipe
def list_workspaces(stand: Stand, api: Api) -> Ask:
    workspace_of(api)
    return Ask(method="GET", path="/workspaces")


@recipe
def create_workspace(stand: Stand, api: Api) -> Ask:
    body = {"root_dir": f"/src/new-{next(_numbers)}", "extra_dirs": ["/src/lib"], "default_agent": "coder"}
    return Ask(method="POST", path="/workspaces", body=body)


@recipe
def get_workspace(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/workspaces/{workspace_of(api)['id']}")


@recipe
def update_workspace(stand: Stand, api: Api) -> Ask:
    body = {"name": f"store-{next(_numbers)}", "extra_dirs": []}
    return Ask(method="PATCH", path=f"/workspaces/{workspace_of(api)['id']}", body=body)


@recipe
def delete_workspace(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=f"/workspaces/{workspace_of(api)['id']}")


@recipe
def list_personas(stand: Stand, api: Api) -> Ask:
    persona_of(api)
    return Ask(method="GET", path="/personas")


@recipe
def create_persona(stand: Stand, api: Api) -> Ask:
    place = workspace_of(api)["id"]
    body = {"name": "tester", "workspace_id": place, "provider": "any", "tools": ["read"], "capabilities": ["python"]}
    return Ask(method="POST", path="/personas", body=body)


@recipe
def get_persona(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/personas/{persona_of(api)}")


@recipe
def redefine_persona(stand: Stand, api: Api) -> Ask:
    return Ask(method="PUT", path=f"/personas/{persona_of(api)}", body={"model": "large", "disabled_skills": ["x"]})


@recipe
def delete_persona(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=f"/personas/{persona_of(api)}")


@recipe
def list_sessions(stand: Stand, api: Api) -> Ask:
    session_of(stand)
    return Ask(method="GET", path="/sessions", params={"agent": "coder", "state": "active", "live": True})


@recipe
def create_session(stand: Stand, api: Api) -> Ask:
    body = {
        "agent": "coder",
        "workspace_id": workspace_of(api)["id"],
        "channel": f"build-{next(_numbers)}",
        "capabilities": ["python"],
        "permissions": {"tools": ["read"]},
        "ttl_seconds": 3600,
    }
    return Ask(method="POST", path="/sessions", body=body)


@recipe
def get_session(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/sessions/{session_of(stand).id}")


@recipe
def stop_session(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/sessions/{session_of(stand).id}/stop", body={"grace_seconds": 5})


@recipe
def spawn_session(stand: Stand, api: Api) -> Ask:
    body = {"agent": "helper", "role": "worker", "ttl_seconds": 60, "permissions": {"tools": ["read"]}}
    return Ask(method="POST", path=f"/sessions/{session_of(stand).id}/spawn", body=body)


@recipe
def get_situation(stand: Stand, api: Api) -> Ask:
    yard = Yard(stand.store, stand.clock)
    session = yard.session()
    yard.queue(yard.task())
    assert yard.claim_next(session) is not None
    return Ask(method="GET", path=f"/sessions/{session.id}/situation")


@recipe
def list_prompts(stand: Stand, api: Api) -> Ask:
    session = session_of(stand)
    prompt_of(stand, session)
    return Ask(method="GET", path=f"/sessions/{session.id}/prompts")


@recipe
def create_prompt(stand: Stand, api: Api) -> Ask:
    body = {"text": "have a look", "mode": "interrupt"}
    return Ask(method="POST", path=f"/sessions/{session_of(stand).id}/prompts", body=body)


@recipe
def cancel_prompt(stand: Stand, api: Api) -> Ask:
    session = session_of(stand)
    return Ask(method="POST", path=f"/sessions/{session.id}/prompts/{prompt_of(stand, session)}/cancel")


@recipe
def take_prompts(stand: Stand, api: Api) -> Ask:
    session = session_of(stand)
    prompt_of(stand, session)
    return Ask(method="POST", path=f"/sessions/{session.id}/prompts/take", body={"limit": 10, "wait_seconds": 1})


@recipe
def list_session_events(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/sessions/{session_of(stand).id}/events")


@recipe
def list_channels(stand: Stand, api: Api) -> Ask:
    talking(stand)
    return Ask(method="GET", path="/channels")


@recipe
def describe_channel(stand: Stand, api: Api) -> Ask:
    body = {"name": f"build-{next(_numbers)}", "workspace_id": workspace_of(api)["id"], "purpose": "builds"}
    return Ask(method="POST", path="/channels", body=body)


@recipe
def get_channel(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/channels/{talking(stand)[1].channel}")


@recipe
def list_channel_messages(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/channels/{talking(stand)[1].channel}/messages")


@recipe
def list_session_channels(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/sessions/{talking(stand)[0].id}/channels")


@recipe
def send_message(stand: Stand, api: Api) -> Ask:
    session, message = talking(stand)
    body = {"kind": "reply", "reply_to": message.id, "body": {"this": "one"}, "metadata": {"about": 1}}
    return Ask(method="POST", path=f"/sessions/{session.id}/messages", body=body)


@recipe
def receive_messages(stand: Stand, api: Api) -> Ask:
    session, message = talking(stand)
    body = {"channel": message.channel, "limit": 10, "wait_seconds": 1}
    return Ask(method="POST", path=f"/sessions/{session.id}/messages/receive", body=body)
