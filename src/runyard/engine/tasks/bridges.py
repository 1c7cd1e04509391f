"""Bridges over which the ends of tasks are told: made, changed, and asked whom they lead to.

Where a bridge leads is a secret of it, and kept as `seal` makes it (for `PURPOSE`); here nobody can open one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec

import msgspec

from runyard.domain import webhooks as signing
from runyard.domain.bridges import SECRETS, SIGNING_SECRET, URL, Bridge, BridgeSettings, BridgeState, Sender, state_of
from runyard.domain.canonical import decoded
from runyard.domain.errors import Conflict, Invalid, NotFound
from runyard.domain.records import Json
from runyard.domain.redaction import without_secrets
from runyard.engine import sizes, workspaces
from runyard.outbound import guard, notifiers
from runyard.settings import Settings
from runyard.storage.port import Tx
from runyard.storage.sql import BEYOND
from runyard.storage.statements import bridges as sql
from runyard.storage.statements import projects as projects_sql
from runyard.storage.statements import subscriptions as subscriptions_sql

PURPOSE = "bridge secret"
"""What the vault seals secrets for."""
TOPIC = "notifications"
MOST = 200
"""How many bridges a project has at most."""
HASTENED = 1000
"""So many messages are tried again at once when a bridge is enabled or restarted; others when they are due."""
LONGEST_NAME = 128
SETTINGS = 16 << 10
Seal = Callable[[str], str]
P = ParamSpec("P")
_json = msgspec.json.Encoder()
_settings = msgspec.json.Decoder(BridgeSettings).decode
_sealed = msgspec.json.Decoder(dict[str, str]).decode


class NewBridge(msgspec.Struct, frozen=True, kw_only=True):
    """A bridge to make."""

    display_name: str
    extension: str = ""
    """What it is built with: `webhook`, `apprise`, or any other name, whose URL says which of them it is."""
    platform: str = ""
    workspace: str | None = None
    enabled: bool = True
    suppressed: bool = False
    settings: Mapping[str, Any] = {}
    secrets: Mapping[str, str] = {}


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A bridge, and what signs its messages where that was made just now; it is in no other answer."""

    bridge: Bridge
    signing_secret: str | None = None


def create(tx: Tx, project_id: int, new: NewBridge, seal: Seal, settings: Settings) -> Made:
    """Make a bridge. Raises `Invalid`, `NotFound`, or `Conflict` when the project has as many as it may have."""
    name = _named("the name of a bridge", new.display_name)
    extension = _named("what a bridge is built with", new.extension or "webhook")
    platform = _named("the platform of a bridge", new.platform or extension)
    said = BridgeSettings(sender=_sender(extension, new.secrets.get(URL)), **new.settings)
    _check(said)
    secrets, made = _secrets(tx, said.sender, new.secrets, {}, seal, settings)
    workspace_id = workspaces.resolve(tx, project_id, new.workspace) if new.workspace is not None else None
    # Two that make the last one at the same time take their turns.
    projects_sql.lock(tx, project_id)
    if sql.count(tx, project_id) >= MOST:
        raise Conflict(f"the project has {MOST} bridges, which is as many as it may have; delete one first")
    bridge = Bridge(
        id=tx.new_id(),
        project_id=project_id,
        workspace_id=workspace_id,
        display_name=name,
        extension=extension,
        platform=platform,
        enabled=new.enabled,
        suppressed=new.suppressed,
        settings=_json.encode(said).decode(),
        sealed=_kept(secrets),
        state=state_of(enabled=new.enabled, leads=URL in secrets),
        last_error=None,
        created_at=tx.now,
        updated_at=tx.now,
    )
    sql.add(tx, bridge)
    return Made(bridge=bridge, signing_secret=made)


def get(tx: Tx, project_id: int, bridge_id: str) -> Bridge:
    """The bridge. Raises `NotFound`."""
    found = sql.get(tx, [bridge_id]).get(bridge_id) if "\0" not in bridge_id else None
    return own(found, project_id, bridge_id)


def page(tx: Tx, project_id: int, *, before: str | None = None, limit: int = MOST) -> list[Bridge]:
    """The project's bridges, newest first, from below the given id on."""
    return sql.page(tx, project_id, before=before or BEYOND, n=limit)


def update(
    tx: Tx,
    project_id: int,
    bridge_id: str,
    changes: Mapping[str, Any],
    seal: Seal,
    settings: Settings,
    *,
    secrets: Mapping[str, str | None] | None = None,
    forget: bool = False,
) -> Made:
    """Change what is named of `display_name`, `suppressed`, the settings and the secrets (None takes one away).

    With `forget` nothing is said any more of what went wrong.

    Raises `NotFound` or `Invalid`.
    """
    before = _locked(tx, project_id, bridge_id)
    said = dict(changes)
    fields: dict[str, Any] = {}
    if "display_name" in said:
        fields["display_name"] = _named("the name of a bridge", said.pop("display_name"))
    if "suppressed" in said:
        fields["suppressed"] = said.pop("suppressed")
    of_settings = msgspec.structs.replace(settings_of(before), **said)
    made = None
    if secrets:
        if secrets.get(URL):
            sender = _sender(before.extension, secrets[URL])
            of_settings = msgspec.structs.replace(of_settings, sender=sender)
        kept, made = _secrets(tx, of_settings.sender, secrets, secrets_of(before), seal, settings)
        fields |= {"sealed": _kept(kept), "state": state_of(enabled=before.enabled, leads=URL in kept)}
        fields["last_error"] = None
    if forget and before.state is BridgeState.FAILING:
        fields |= {"state": BridgeState.READY, "last_error": None}
    _check(of_settings)
    after = msgspec.structs.replace(before, settings=_json.encode(of_settings).decode(), **fields)
    if after != before:
        after = _save(tx, after)
    return Made(bridge=after, signing_secret=made)


def unbind(tx: Tx, project_id: int, bridge_id: str, name: str, seal: Seal, settings: Settings) -> Bridge:
    """Take a secret away from the bridge. Raises `NotFound` also when it has none of this name."""
    if name not in secrets_of(get(tx, project_id, bridge_id)):
        raise NotFound(f"the bridge has no secret {name[:64]!r}")
    return update(tx, project_id, bridge_id, {}, seal, settings, secrets={name: None}).bridge


def enable(tx: Tx, project_id: int, bridge_id: str) -> Bridge:
    """Let messages over the bridge again, those first that wait for it. Raises `NotFound`."""
    bridge = _locked(tx, project_id, bridge_id)
    return bridge if bridge.enabled else _fresh(tx, bridge)


def restart(tx: Tx, project_id: int, bridge_id: str) -> Bridge:
    """Forget what went wrong, and try again at once. Raises `NotFound`, or `Conflict` when it is disabled."""
    bridge = _locked(tx, project_id, bridge_id)
    if not bridge.enabled:
        raise Conflict("the bridge is disabled; enable it instead")
    return _fresh(tx, bridge)


def disable(tx: Tx, project_id: int, bridge_id: str) -> Bridge:
    """Let no message over the bridge; what there is to tell waits. Raises `NotFound`."""
    bridge = _locked(tx, project_id, bridge_id)
    if not bridge.enabled:
        return bridge
    return _save(tx, msgspec.structs.replace(bridge, enabled=False, state=BridgeState.DISABLED, last_error=None))


def delete(tx: Tx, project_id: int, bridge_id: str) -> None:
    """Delete the bridge. Raises `NotFound`, or `Conflict` while anybody wants to be told over it."""
    bridge = _locked(tx, project_id, bridge_id)
    if subscriptions_sql.of_bridge(tx, bridge.id, 1):
        raise Conflict("tasks have subscriptions that go over the bridge; delete them first, or disable the bridge")
    sql.delete(tx, bridge.id)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A bridge, and what waits for it."""

    bridge: Bridge
    waiting: int = 0
    """How many messages wait for another try."""
    failures: int = 0
    """How many tries at these have failed."""


def see(tx: Tx, found: Sequence[Bridge]) -> list[Seen]:
    """The bridges as they are shown, in their order."""
    failing = subscriptions_sql.failing(tx, sorted(one.id for one in found))
    return [
        Seen(bridge=one, waiting=waiting, failures=failures)
        for one in found
        for waiting, failures in (failing.get(one.id, (0, 0)),)
    ]


def seen(tx: Tx, project_id: int, bridge_id: str) -> Seen:
    """The bridge as it is shown. Raises `NotFound`."""
    return see(tx, [get(tx, project_id, bridge_id)])[0]


def seen_page(tx: Tx, project_id: int, *, before: str | None = None, limit: int = MOST) -> list[Seen]:
    """`page`, as it is shown."""
    return see(tx, page(tx, project_id, before=before, limit=limit))


def seen_after(tx: Tx, op: Callable[Concatenate[Tx, P], Bridge], /, *args: P.args, **kwargs: P.kwargs) -> Seen:
    """The bridge that the operation answers, as it is shown."""
    return see(tx, [op(tx, *args, **kwargs)])[0]


def settings_of(bridge: Bridge) -> BridgeSettings:
    """What else was said of the bridge."""
    return _settings(bridge.settings)


def secrets_of(bridge: Bridge) -> dict[str, str]:
    """The bridge's secrets by name, sealed."""
    return _sealed(bridge.sealed) if bridge.sealed is not None else {}


def own(bridge: Bridge | None, project_id: int, bridge_id: str) -> Bridge:
    """The bridge that was found. Raises `NotFound`."""
    if bridge is None or bridge.project_id != project_id:
        raise NotFound(f"there is no bridge {bridge_id[:64]!r} in this project")
    return bridge


def _locked(tx: Tx, project_id: int, bridge_id: str) -> Bridge:
    return own(sql.lock(tx, bridge_id) if "\0" not in bridge_id else None, project_id, bridge_id)


def _fresh(tx: Tx, bridge: Bridge) -> Bridge:
    state = state_of(enabled=True, leads=URL in secrets_of(bridge))
    return _save(tx, msgspec.structs.replace(bridge, enabled=True, state=state, last_error=None))


def _save(tx: Tx, bridge: Bridge) -> Bridge:
    saved = msgspec.structs.replace(bridge, updated_at=tx.now)
    sql.save(tx, saved)
    if saved.enabled and subscriptions_sql.hasten(tx, saved.id, HASTENED):
        tx.wake(TOPIC)
    return saved


def _named(what: str, text: str) -> str:
    text = text.strip()
    sizes.plain(what, text, shortest=1, longest=LONGEST_NAME)
    return text


def _check(said: BridgeSettings) -> None:
    routing = said.routing
    if routing.include_thread and not routing.include_peer and not routing.include_group:
        raise Invalid("a bridge that tells threads apart tells peers or groups apart too")
    sizes.plain("the policy", said.policy, longest=LONGEST_NAME)
    sizes.within(SETTINGS, "the configuration of a bridge", said.config)
    sizes.within(SETTINGS, "the defaults of a bridge", said.defaults)
    config = decoded(said.config) if said.config is not None else {}
    if not isinstance(config, dict):
        raise Invalid("the configuration of a bridge is a JSON object")
    if without_secrets(config) != config:
        raise Invalid(f"the configuration of a bridge is shown to everybody; what is secret goes in its {URL}")


def _sender(extension: str, url: str | None) -> Sender:
    if extension in {"webhook", "apprise"}:
        return "apprise" if extension == "apprise" else "webhook"
    return "webhook" if url is None or url.strip().lower().startswith(("http://", "https://")) else "apprise"


def _secrets(
    tx: Tx, sender: Sender, given: Mapping[str, str | None], had: Mapping[str, str], seal: Seal, settings: Settings
) -> tuple[dict[str, str], str | None]:
    """The bridge's secrets as they are kept, and what signs if that was made now. Raises `Invalid`."""
    kept, made = dict(had), None
    for name, value in given.items():
        if name not in SECRETS:
            raise Invalid(f"a bridge has no secret {name[:64]!r}; it has {' and '.join(SECRETS)}")
        text = (value or "").strip()
        if not text:
            if name == SIGNING_SECRET and sender == "webhook" and URL in had:
                raise Invalid("messages to a webhook are always signed; give another secret in place of this one")
            kept.pop(name, None)
            continue
        if name == URL:
            (notifiers.check_url if sender == "apprise" else guard.check_url)(text, settings)
        else:
            text = signing.written(signing.key_of(text))
        kept[name] = seal(text)
    if sender == "webhook" and URL in kept and SIGNING_SECRET not in kept:
        # Two tokens are 384 bits of chance; their hash is 32 bytes of it.
        made = signing.written(hashlib.sha256(f"{tx.new_token()}{tx.new_token()}".encode()).digest())
        kept[SIGNING_SECRET] = seal(made)
    return kept, made


def _kept(secrets: Mapping[str, str]) -> Json | None:
    return _json.encode(dict(sorted(secrets.items()))).decode() if secrets else None
