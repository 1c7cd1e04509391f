"""What one server is made of: store, loops, dialects, and what holds them together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Callable

import structlog

from runyard import loops, sandbox
from runyard.app.stores import open_blobs, open_store, wall_clock
from runyard.dialects import agh, bamboosnow, native, posthog, strait
from runyard.dialects.agh import house as agh_house
from runyard.dialects.bamboosnow import house as snow_house
from runyard.dialects.posthog import house as posthog_house
from runyard.dialects.strait.house import House
from runyard.dialects.strait.tokens import RunTokens
from runyard.engine import agents, keys, projects
from runyard.loops import managed, sandboxes
from runyard.loops.senders import Senders
from runyard.outbound.client import Client
from runyard.outbound.relay import Relay
from runyard.settings import Settings
from runyard.storage.vault import Vault, kept_in
from runyard.streams import asgi
from runyard.streams.feed import Feeds
from runyard.streams.hub import Hub
from runyard.web.auth import Anonymous, KeyAuth, Keyring
from runyard.web.health import Readiness
from runyard.web.limits import RateLimit
from runyard.web.links import Links
from runyard.web.metrics import Metrics
from runyard.web.sandbox_tokens import SandboxTokens
from runyard.web.server import Plumbing, compose
from runyard.web.signed_tokens import SignedTokens

log = structlog.get_logger("runyard")


class Server:
    """Everything one server process holds: the ASGI app, and the store it owns while its lifespan lasts."""

    def __init__(self, settings: Settings, *, clock: Callable[[], int] = wall_clock) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.store = open_store(settings, clock=clock, observe=self.metrics.committed)
        self.blobs = open_blobs(settings)
        self.vault = Vault(settings.secret_key or kept_in(settings.data))
        self.tokens = RunTokens(self.vault.key("run tokens"), self.store.now)
        self.sandbox_tokens = SandboxTokens(self.vault.key("sandbox tokens"), self.store.now)
        self.links = Links(self.vault.key("links"), self.store.now)
        self.signed = SignedTokens(self.store, self.vault)
        self.relay = Relay(Client(settings), settings)
        self.hub = Hub()
        self.feeds = Feeds(self.hub)
        self.started = time.monotonic()
        self.started_at = self.store.now()
        self.address: tuple[str, int] | None = None
        """Where programs on this machine reach this server, once it answers."""
        self.programs = self._programs() if settings.loops else None
        self.sandboxes = self._sandboxes() if settings.loops else None
        self.senders = Senders(self.store, self.hub, self.vault, self.tokens, settings) if settings.loops else None
        self.runner = (
            loops.runner(
                self.store,
                self.hub,
                self.blobs,
                settings,
                programs=self.programs,
                launcher=self.sandboxes,
                senders=self.senders,
            )
            if settings.loops
            else None
        )
        self.keyring = Keyring(
            lambda digest: self.store.read(keys.find_by_hash, digest),
            touch=lambda key_id: self.store.write(keys.touch, key_id),
            now=self.store.now,
        )
        self.app = self._compose()

    def _compose(self) -> asgi.App:
        settings = self.settings
        plumbing = Plumbing(
            store=self.store,
            metrics=self.metrics,
            per_key=RateLimit("key", settings.rate_limit_per_key),
            per_ip=RateLimit("address", settings.rate_limit_per_ip),
            max_body=settings.max_body_bytes,
        )
        anonymous = Anonymous(dialects=frozenset(settings.allow_anonymous_loopback))
        authenticate = KeyAuth(
            self.keyring,
            lambda wanted: self.store.read(projects.find, wanted),
            dialect="native",
            anonymous=anonymous,
        )
        self.metrics.watch("sse_followers", "Clients that follow an event stream.", lambda: self.feeds.followers)
        senders = self.senders
        if senders is not None:
            self.metrics.watch(
                "dispatches", "Runs that are being posted to endpoints.", lambda: len(senders.dispatcher.flights)
            )
        mounts = {
            "runyard": native.app(
                plumbing,
                authenticate,
                hub=self.hub,
                feeds=self.feeds,
                blobs=self.blobs,
                settings=settings,
                vault=self.vault,
                signed=self.signed,
                relay=self.relay,
                started=self.started,
                started_at=self.started_at,
            ),
            "strait": strait.app(
                plumbing,
                authenticate,
                House(tokens=self.tokens, vault=self.vault, hub=self.hub, feeds=self.feeds, settings=settings),
            ),
            "bamboosnow": bamboosnow.app(plumbing, authenticate, snow_house.House(vault=self.vault, settings=settings)),
            "agh": agh.app(
                plumbing,
                authenticate,
                agh_house.House(
                    vault=self.vault,
                    hub=self.hub,
                    feeds=self.feeds,
                    settings=settings,
                    started_at=self.started_at,
                ),
            ),
            "posthog": posthog.app(
                plumbing,
                authenticate,
                posthog_house.House(
                    vault=self.vault,
                    hub=self.hub,
                    feeds=self.feeds,
                    blobs=self.blobs,
                    settings=settings,
                    tokens=self.sandbox_tokens,
                    links=self.links,
                    signed=self.signed,
                    relay=self.relay,
                ),
            ),
        }
        readiness = Readiness(self.store, lambda: self.runner.beats if self.runner is not None else {})
        return compose(mounts, readiness=readiness, metrics=self.metrics, lifespan=self.lifespan)

    def _programs(self) -> managed.Executor | None:
        reason = sandbox.available(self.settings)
        if reason is not None:
            log.info("managed.off", reason=reason)
            return None
        ground = managed.Ground(
            store=self.store,
            hub=self.hub,
            vault=self.vault,
            settings=self.settings,
            token=lambda run: self.tokens.make(run, attempt=run.attempt),
            address=lambda: self.address,
        )
        return managed.Executor(ground, worker=f"{socket.gethostname()}-{os.getpid()}")

    def _sandboxes(self) -> sandboxes.Executor | None:
        reason = sandbox.sandboxes(self.settings)
        if reason is not None:
            log.info("sandboxes.off", reason=reason)
            return None
        ground = sandboxes.Ground(
            store=self.store,
            hub=self.hub,
            settings=self.settings,
            relay=self.relay,
            signed=self.signed,
            tokens=self.sandbox_tokens,
            address=lambda: self.address,
        )
        return sandboxes.Executor(ground, worker=f"{socket.gethostname()}-{os.getpid()}")

    def bootstrap(self) -> str | None:
        """Make the default project (with a reviewer, where agents run) and the admin key; the key, when made now."""
        self.store.transact(projects.ensure_default)
        if self.settings.agents:
            self.store.transact(agents.ensure, projects.DEFAULT, "code-reviewer")
        return self.store.transact(keys.ensure_admin, self.settings.admin_key)

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """What runs beside the requests."""
        self.store.subscribe(self.hub.publish)
        self.store.subscribe(self.keyring.heard)
        self.store.subscribe(self.signed.heard)
        if self.runner is not None:
            self.runner.start()
        try:
            yield
        finally:
            self.drain()
            await self.end_programs()
            if self.senders is not None:
                await self.senders.stop()
            if self.runner is not None:
                await self.runner.stop()
            self.relay.close()

    async def end_programs(self) -> None:
        """End what runs on this machine, while the server still answers it, and give the runs back."""
        ending = [one.stop() for one in (self.programs, self.sandboxes) if one is not None]
        await asyncio.gather(*ending)

    def drain(self) -> None:
        """Stop waiting: long polls answer, streams end, and nobody waits any more."""
        self.feeds.close()
        if self.senders is not None:
            self.senders.drain()

    def close(self) -> None:
        """Finish what was accepted, and let go of the database."""
        self.store.close()
