"""A small dialect over a real store, to try the plumbing with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Generic, TypeVar

import httpx2
import msgspec
import pytest
from litestar import Request, get, post, put
from litestar.params import QueryParameter

from runyard.domain.errors import DomainError, LeaseLost
from runyard.domain.records import Key, Project
from runyard.engine import projects
from runyard.storage.port import Tx
from runyard.streams.asgi import App
from runyard.streams.feed import Batch, Feeds
from runyard.streams.hub import Hub
from runyard.streams.sse import EventStream, frame
from runyard.web.auth import Anonymous, KeyAuth, Keyring, hash_of
from runyard.web.call import Call
from runyard.web.health import Readiness
from runyard.web.idempotency import Answer
from runyard.web.limits import RateLimit
from runyard.web.metrics import Metrics
from runyard.web.openapi import About
from runyard.web.paging import Cursor, Limit
from runyard.web.problems import PROBLEMS
from runyard.web.reply import Reply, Streamed
from runyard.web.server import Plumbing, compose, dialect_app
from tests.support.stores import AnyStore

ADMIN = "ry_" + "a" * 40
WRITER = "ry_" + "w" * 40
READER = "ry_" + "r" * 40


class Part(msgspec.Struct, kw_only=True):
    """A part of a thing."""

    size: Annotated[int, msgspec.Meta(ge=0, le=10)]


class Size(msgspec.Struct, kw_only=True):
    """How much there was."""

    size: int


class ThingIn(msgspec.Struct, kw_only=True):
    """A thing to make."""

    slug: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern="^[A-Za-z][A-Za-z0-9._-]*$")]
    """What it is called."""
    parts: list[Part] = []
    payload: msgspec.Raw = msgspec.Raw(b"null")
    extra: dict[str, Any] = {}


class ThingsIn(msgspec.Struct, kw_only=True):
    """Things to make."""

    things: Annotated[list[ThingIn], msgspec.Meta(min_length=1)]


class Thing(msgspec.Struct, kw_only=True):
    """A thing."""

    number: int
    slug: str
    payload: msgspec.Raw | None = None


T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """One page."""

    data: list[T]
    next_cursor: str | None = None


def make(tx: Tx, slug: str) -> Project:
    """Make a project, which serves as the thing."""
    return projects.create(tx, slug=slug)


def count(tx: Tx) -> int:
    """How many projects there are."""
    return len(tx.rows("SELECT id FROM projects"))


def _thing(project: Project) -> Thing:
    return Thing(number=project.id, slug=project.slug)


@post("/v1/things", needs="runs:write")
async def create_thing(call: Call, data: ThingsIn | ThingIn) -> Reply[Thing]:
    """Make a thing."""
    one = data.things[0] if isinstance(data, ThingsIn) else data
    return await call.answer(_thing, make, one.slug)


@put("/v1/things", needs="runs:write", also=(202,))
async def put_thing(call: Call, data: ThingIn) -> Reply[Thing]:
    """Make a thing, with another status."""
    return await call.answer(lambda project: Answer(_thing(project), 202), make, data.slug)


@get("/v1/things", needs="runs:read")
async def list_things(
    call: Call, limit: Limit = 50, cursor: Cursor = None, tag: list[str] | None = None
) -> Page[Thing]:
    """List things."""
    rows = [Thing(number=n, slug=f"{call.project_id}-{n}") for n in range(min(limit, 3))]
    return Page(data=rows, next_cursor=cursor)


@get("/v1/things/{thing_id:str}", needs="runs:read")
async def get_thing(call: Call, thing_id: str) -> Thing:
    """A thing."""
    return Thing(number=call.project_id, slug=thing_id, payload=msgspec.Raw(b'{ "as": "given" }'))


@post("/v1/things/{thing_id:str}/poke", status_code=200)
async def poke_thing(call: Call, thing_id: str, data: Part | None = None) -> Part:
    """Poke a thing, perhaps with a part."""
    return data or Part(size=0)


@post("/v1/fail/{kind:str}", status_code=200)
async def fail(call: Call, kind: str) -> None:
    """Fail in one way or another."""
    errors: dict[str, Exception] = {
        "lease": LeaseLost(),
        "bug": RuntimeError("the secret inside"),
        "overflow": OverflowError("int too large"),
        "domain": DomainError("no"),
    }
    raise errors[kind]


@get("/v1/open", public=True)
async def opened(wanted: Annotated[int, QueryParameter(ge=1, le=9)] = 1) -> Part:
    """For everybody."""
    return Part(size=wanted)


@get("/v1/watch", needs="runs:read")
async def watch(call: Call, follow: bool = False) -> Page[Thing] | Streamed:
    """Things, or a stream of them."""
    if not follow:
        return Page(data=[])
    feeds = Feeds(Hub())
    feeds.close()
    return Streamed(EventStream(feeds.follow("x", (), _no_read, after=0), opening=frame(b"{}", event="thing")))


async def _no_read(after: int, limit: int) -> Batch:
    return Batch(frames=[], upto=after)


@post("/v1/upload", needs="runs:write", consumes="application/octet-stream", request_max_body_size=200_000)
async def upload(call: Call, request: Request[Any, Any, Any]) -> Size:
    """Take bytes as they come."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return Size(size=size)


HANDLERS = [create_thing, put_thing, list_things, get_thing, poke_thing, fail, opened, watch, upload]


class Keys:
    """Keys as a store would hold them."""

    def __init__(self) -> None:
        self.by_hash: dict[str, Key] = {}
        self.looked = 0
        self.touched: list[str] = []
        self.add(ADMIN, "admin")
        self.add(WRITER, "runs:write")
        self.add(READER, "runs:read")

    def add(self, text: str, *scopes: str, project_id: int = 1, **fields: Any) -> Key:
        """Keep a key."""
        values: dict[str, Any] = {"created_at": 0, "expires_at": None, "revoked_at": None, "last_used_at": None}
        key = Key(
            id=f"key-{text[3]}",
            project_id=project_id,
            name="test",
            prefix=text[:7],
            hash=hash_of(text),
            scopes=scopes,
            dialect=None,
            **(values | fields),
        )
        self.by_hash[key.hash] = key
        return key

    async def find(self, digest: str) -> Key | None:
        """The key of that hash."""
        self.looked += 1
        return self.by_hash.get(digest)

    async def touch(self, key_id: str) -> None:
        """Note a use."""
        self.touched.append(key_id)


async def find_project(wanted: int | str) -> Project | None:
    """Two projects, by number or slug."""
    names = {1: "default", 2: "other"}
    for number, slug in names.items():
        if wanted in {number, slug}:
            return Project(id=number, slug=slug, name=slug, created_at=0)
    return None


class House:
    """Everything a test may turn before the app is made."""

    def __init__(self, store: AnyStore) -> None:
        self.store = store
        self.keys = Keys()
        self.ticks = 0.0
        self.metrics = Metrics()
        self.beats: dict[str, float] = {}
        self.keyring = Keyring(self.keys.find, touch=self.keys.touch, now=store.now, ticks=lambda: self.ticks)
        self.anonymous = Anonymous()
        self.per_key = RateLimit("key", 0)
        self.per_ip = RateLimit("address", 0)
        self.more: list[Any] = []

    def app(self) -> App:
        """The whole server with the dialect at `/small`."""
        plumbing = Plumbing(
            store=self.store, metrics=self.metrics, per_key=self.per_key, per_ip=self.per_ip, max_body=100_000
        )
        small = dialect_app(
            "/small",
            [*HANDLERS, *self.more],
            plumbing=plumbing,
            authenticate=KeyAuth(self.keyring, find_project, dialect="small", anonymous=self.anonymous),
            errors=PROBLEMS,
            about=About(
                title="Small", version="1", description="A small API.", headers={"X-Runyard-Project": "The project."}
            ),
        )
        readiness = Readiness(self.store, lambda: self.beats, ticks=lambda: self.ticks)
        return compose({"small": small}, readiness=readiness, metrics=self.metrics)

    def client(self, key: str | None = WRITER, **options: Any) -> httpx2.AsyncClient:
        """A client of the app."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        app: Any = self.app()
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False, **options)
        return httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers=headers)


@pytest.fixture
def anyio_backend() -> str:
    """The event loop the server runs on."""
    return "asyncio"


@pytest.fixture
def sqlite_store(shelf: Any) -> AnyStore:
    """An empty SQLite store, where the engine makes no difference."""
    store: AnyStore = shelf.empty("sqlite")
    return store


@pytest.fixture
def house(sqlite_store: AnyStore) -> House:
    """The small dialect on SQLite."""
    return House(sqlite_store)


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with a key that may write."""
    async with house.client() as client:
        yield client
