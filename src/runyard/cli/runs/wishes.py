"""The options with which a run is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from runyard.cli.arguments import Tag, json_object, json_value, tags
from runyard.cli.failures import usage
from runyard.cli.times import moment, now, seconds


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a run is to be like."""

    payload: Annotated[str | None, Parameter(alias="-p", help="JSON, @FILE, or - for input.")] = None
    queue: Annotated[str | None, Parameter(help="Name of the queue.")] = None
    priority: Annotated[int | None, Parameter(help="0 to 10, higher first.")] = None
    tag: Tag = None
    metadata: Annotated[str | None, Parameter(help="A JSON object to keep with it.")] = None
    idempotency_key: Annotated[str | None, Parameter(help="Used before: answers with that run.")] = None
    concurrency_key: Annotated[str | None, Parameter(help="Runs that share it share a limit.")] = None
    max_attempts: Annotated[int | None, Parameter(help="How often it is tried at most.")] = None
    run_timeout: Annotated[str | None, Parameter(help="How long one try may take, like 5m.")] = None
    delay: Annotated[str | None, Parameter(help="How long from now it may start, like 10m.")] = None
    at: Annotated[str | None, Parameter(help="When it may start: a time.")] = None
    ttl: Annotated[str | None, Parameter(help="How long it may stay unstarted before it expires, like 1h.")] = None


NOTHING = Wishes()


def fields_of(wishes: Wishes) -> dict[str, Any]:
    """What is wished for, by the names of the API. Raises a usage `Failure`."""
    if wishes.at and wishes.delay:
        raise usage("--at and --delay exclude each other")
    fields = {
        "queue": wishes.queue,
        "priority": wishes.priority,
        "tags": tags(wishes.tag),
        "metadata": json_object(wishes.metadata, "--metadata") if wishes.metadata is not None else None,
        "idempotency_key": wishes.idempotency_key,
        "concurrency_key": wishes.concurrency_key,
        "retry": {"max_attempts": wishes.max_attempts} if wishes.max_attempts is not None else None,
        "timeout_seconds": seconds(wishes.run_timeout) if wishes.run_timeout is not None else None,
        "delay_seconds": seconds(wishes.delay) if wishes.delay is not None else None,
        "available_at": moment(wishes.at, now(), ahead=True) if wishes.at is not None else None,
        "ttl_seconds": seconds(wishes.ttl) if wishes.ttl is not None else None,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    return given if wishes.payload is None else given | {"payload": json_value(wishes.payload, "--payload")}
