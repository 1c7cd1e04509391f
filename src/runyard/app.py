"""The composition root: settings → store → one ASGI app, its loops and its built-in agents."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import FrameType

import msgspec
import structlog
import uvicorn

from runyard import loops, sandbox
from runyard.artifacts.objects import at_url, in_folder
from runyard.artifacts.port import Blobs
from runyard.dialects import agh, bamboosnow, native, posthog, strait
from runyard.dialects.bamboosnow import house as snow_house
from runyard.dialects.strait.house import House
from runyard.dialects.strait.tokens import RunTokens
from runyard.domain.errors import Conflict, DomainError, Invalid
from runyard.engine import agents, keys, projects
from runyard.loops import managed, supervisor
from runyard.loops.senders import Senders
from runyard.sdk import credentials
from runyard.settings import Settings
from runyard.storage import backup as backups
from runyard.storage import migrate
from runyard.storage.port import Observe, Store
from runyard.storage.vault import Vault, kept_in
from runyard.streams import asgi
from runyard.streams.feed import Feeds
from runyard.streams.hub import Hub
from runyard.web import logs
from runyard.web.auth import Anonymous, KeyAuth, Keyring
from runyard.web.health import Readiness
from runyard.web.limits import RateLimit
from runyard.web.metrics import Metrics
from runyard.web.server import Plumbing, compose

log = structlog.get_logger("runyard")


def wall_clock() -> int:
    """UTC microseconds."""
    return time.time_ns() // 1000


def open_store(
    settings: Settings,
    *,
    clock: Callable[[], int] = wall_clock,
    observe: Observe | None = None,
) -> Store:
    """The database the settings name, brought up to date. Raises `Conflict`, `Invalid` or `Unavailable`."""
    if settings.database is None:
        from runyard.storage.sqlite import SqliteStore

        return SqliteStore(sqlite_path(settings), clock=clock, observe=observe, ageing=settings.ageing)
    if not settings.database.startswith(("postgresql://", "postgres://")):
        raise Invalid("the database must be a postgresql:// URL; leave it out for SQLite in the data folder")
    from runyard.storage.postgres import PostgresStore

    return PostgresStore(settings.database, clock=clock, observe=observe, ageing=settings.ageing)


def sqlite_path(settings: Settings) -> Path:
    """Where the SQLite file is."""
    return settings.data / "runyard.db"


def open_blobs(settings: Settings) -> Blobs:
    """Where artifacts and archives are kept. Raises `Invalid`."""
    return at_url(settings.artifacts_url) if settings.artifacts_url else in_folder(settings.data)


class Server:
    """Everything one server process holds: the ASGI app, and the store it owns while its lifespan lasts."""

    def __init__(self, settings: Settings, *, clock: Callable[[], int] = wall_clock) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.store = open_store(settings, clock=clock, observe=self.metrics.committed)
        self.blobs = open_blobs(settings)
        self.vault = Vault(settings.secret_key or kept_in(settings.data))
        self.tokens = RunTokens(self.vault.key("run tokens"), self.store.now)
        self.hub = Hub()
        self.feeds = Feeds(self.hub)
        self.started = time.monotonic()
        self.address: tuple[str, int] | None = None
        """Where programs on this machine reach this server, once it answers."""
        self.programs = self._programs() if settings.loops else None
        self.senders = Senders(self.store, self.hub, self.vault, self.tokens, settings) if settings.loops else None
        self.runner = (
            loops.runner(self.store, self.hub, self.blobs, settings, programs=self.programs, senders=self.senders)
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
                started=self.started,
            ),
            "strait": strait.app(
                plumbing,
                authenticate,
                House(tokens=self.tokens, vault=self.vault, hub=self.hub, feeds=self.feeds, settings=settings),
            ),
            "bamboosnow": bamboosnow.app(plumbing, authenticate, snow_house.House(vault=self.vault, settings=settings)),
        }
        readiness = Readiness(self.store, lambda: self.runner.beats if self.runner is not None else {})
        absent = {"agh": agh.app(plumbing), "posthog": posthog.app(plumbing)}
        return compose(mounts, absent=absent, readiness=readiness, metrics=self.metrics, lifespan=self.lifespan)

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
        if self.runner is not None:
            self.runner.start()
        try:
            yield
        finally:
            self.drain()
            if self.programs is not None:
                await self.programs.stop()
            if self.senders is not None:
                await self.senders.stop()
            if self.runner is not None:
                await self.runner.stop()

    def drain(self) -> None:
        """Stop waiting: long polls answer, streams end, and nobody waits any more."""
        self.feeds.close()
        if self.senders is not None:
            self.senders.drain()

    def close(self) -> None:
        """Finish what was accepted, and let go of the database."""
        self.store.close()


class _Uvicorn(uvicorn.Server):
    """uvicorn that says when it answers, and tells waiting requests at once when it is to stop."""

    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[int], None], on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self.on_ready = on_ready
        self.on_stop = on_stop
        self._stopping: threading.Thread | None = None

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Begin to answer."""
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started and self.servers:
            self.on_ready(self.servers[0].sockets[0].getsockname()[1])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to stop: first what reports to us, then what waits for us, then the server. Again: at once."""
        # Not the parent's own way: it would raise the signal again in the end, and stopping well is no failure.
        if self._stopping is not None:
            self.should_exit = self.force_exit = True
            return
        self._stopping = threading.Thread(target=self._stop, name="stop", daemon=True)
        self._stopping.start()

    def _stop(self) -> None:
        try:
            self.on_stop()
        finally:
            self.should_exit = True


def serve(settings: Settings) -> int:
    """Run a server until a signal stops it; the exit code. What went wrong at start is said on standard error."""
    logs.setup(style=settings.log_format, level=settings.log_level)
    try:
        server = Server(settings)
    except DomainError as error:
        sys.stderr.write(f"runyard: {error.detail}\n")
        return 6 if isinstance(error, Conflict) else 1
    try:
        return _serve(server)
    finally:
        server.close()


def _serve(server: Server) -> int:
    settings = server.settings
    admin_key = server.bootstrap()
    config = uvicorn.Config(
        server.app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
        timeout_keep_alive=75,
        backlog=2048,
    )
    agents: supervisor.Child | None = None
    loop: asyncio.AbstractEventLoop | None = None

    def stopping() -> None:
        ending = None
        if loop is not None and server.programs is not None:
            # While the server still answers, so that programs can leave a checkpoint.
            ending = asyncio.run_coroutine_threadsafe(server.programs.stop(), loop)
        if agents is not None:
            agents.stop()
        if ending is not None:
            ending.result()
        if loop is not None:
            loop.call_soon_threadsafe(server.drain)

    def ready(port: int) -> None:
        nonlocal agents, loop
        loop = asyncio.get_running_loop()
        server.address = _inside(settings.host), port
        url = f"http://{_spoken(settings.host)}:{port}"
        _hand_over(server, url, admin_key)
        _spare_collections()
        _say(f"runyard ready on {url}")
        if settings.agents:
            agents = supervisor.Child(_agents_command(), _agents_environment(server, url))
            agents.start()

    uvicorn_server = _Uvicorn(config, on_ready=ready, on_stop=stopping)
    try:
        uvicorn_server.run()
    except (SystemExit, KeyboardInterrupt):
        # uvicorn ends with the signal raised again, or with SystemExit when it could not listen.
        return 0 if uvicorn_server.started else 1
    finally:
        if agents is not None:
            agents.stop()
    return 0 if uvicorn_server.started else 1


def _mend(server: Server, file: Path, url: str) -> None:
    """Let kept credentials that hold a key of this server name the address it has now."""
    with contextlib.suppress(ValueError, OSError):
        kept = credentials.read(file)
        if kept is None or kept.key is None or kept.url == url:
            return
        if server.store.look(keys.find_by_hash, keys.hash_of(kept.key)) is not None:
            credentials.write(file, msgspec.structs.replace(kept, url=url))


def _spare_collections() -> None:
    """Have the garbage collector look at what requests leave, more seldom, and never again at the server itself.

    Reference counts free nearly all that a request makes; with the usual thresholds, walking everything that was made
    at start takes a sixth of the time of a small request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def _say(line: str) -> None:
    """A line on standard output that whoever started the server may wait for."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _inside(host: str) -> str:
    """The host by which this machine reaches itself."""
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 (compared, not listened on)


def _spoken(host: str) -> str:
    inside = _inside(host)
    return f"[{inside}]" if ":" in inside else inside


def _hand_over(server: Server, url: str, admin_key: str | None) -> None:
    """Print a key that was just made, once, and keep it for this user's command line."""
    file = credentials.path()
    if admin_key is None or server.settings.admin_key is not None:
        _mend(server, file, url)
        return
    _say(f"admin key (shown once): {admin_key}")
    try:
        credentials.write(file, credentials.Credentials(url=url, key=admin_key))
    except OSError as error:
        log.warning("credentials.not_written", file=str(file), detail=str(error))
    else:
        _say(f"kept for the command line in {file}")


def _agents_command() -> list[str]:
    return [sys.executable, "-P", "-m", "runyard.agents"]


def _agents_environment(server: Server, url: str) -> dict[str, str]:
    """What the built-in agents need: an own key, good for this process's life, and the folders they may read."""
    # Servers that share a database must not end each other's keys.
    where = f" of {socket.gethostname()[:64]} {url[:32]}" if server.settings.database else ""
    issued = server.store.transact(keys.renew_agents, name=f"built-in agents{where}")
    return {
        **os.environ,
        "RUNYARD_URL": url,
        "RUNYARD_LOG_LEVEL": server.settings.log_level,
        "RUNYARD_LOG_FORMAT": server.settings.log_format,
        "RUNYARD_KEY": issued.secret,
        "RUNYARD_REVIEW_ROOTS": os.pathsep.join(server.settings.review_roots),
        "RUNYARD_ALLOW_PRIVATE_ENDPOINTS": "1" if server.settings.allow_private_endpoints else "0",
    }


def backup(settings: Settings, dest: Path) -> None:
    """Copy the SQLite database, artifacts and archives while a server may run. Raises `Invalid` or `Conflict`."""
    backups.create(
        sqlite_path(settings),
        settings.data / "artifacts",
        dest,
        archive=settings.data / "archive",
        database=settings.database,
    )


def restore(settings: Settings, src: Path) -> None:
    """Put a backup in the place of the data folder's content. Raises `Invalid` or `Conflict`."""
    backups.restore(src, settings.data, force=True)


def upgrade(settings: Settings, *, check: bool) -> list[str]:
    """Bring the database up to date, or (`check`) only say what would run."""
    if check:
        return [f"{one.number:04d}_{one.name}" for one in _pending(settings)]
    todo = _pending(settings)
    open_store(settings).close()
    return [f"{one.number:04d}_{one.name}" for one in todo]


def _pending(settings: Settings) -> list[migrate.Migration]:
    if settings.database is None:
        from runyard.storage.sqlite import applied

        return migrate.plan("sqlite", lambda: applied(sqlite_path(settings)))
    from runyard.storage.postgres import applied as applied_in_postgres

    database = settings.database
    return migrate.plan("postgres", lambda: applied_in_postgres(database))
