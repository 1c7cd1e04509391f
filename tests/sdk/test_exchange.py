from __future__ import annotations

from collections.abc import Iterable

import pytest

from runyard.sdk import models
from runyard.sdk.call import Call
from runyard.sdk.calls import leases, runs
from runyard.sdk.errors import BadReply, Conflict, RateLimited, RunyardError, Unavailable, Unreachable, WaitTimeout
from runyard.sdk.exchange import Answer, Patience, Reply, Request, Script, Server, Sleep, Step, exchange, until_settled

SERVER = Server(url="http://yard.test", key="ry_secret", project="acme")
PATIENCE = Patience(retries=3, dice=lambda: 0.5)
RUN = b'{"id":"a","state":"queued"}'
DONE = b'{"id":"a","state":"completed"}'


def played(script: Script[models.Run], answers: Iterable[Answer]) -> tuple[models.Run, list[Step]]:
    """Drive a script with these answers to its requests."""
    left = iter(answers)
    steps: list[Step] = []
    answer: Answer = None
    try:
        while True:
            step = script.send(answer)
            steps.append(step)
            answer = None if isinstance(step, Sleep) else next(left)
    except StopIteration as end:
        return end.value, steps


def sent(call: Call[models.Run], *answers: Answer) -> tuple[models.Run, list[Step]]:
    return played(exchange(call, SERVER, PATIENCE), answers)


def requests(steps: list[Step]) -> list[Request]:
    return [step for step in steps if isinstance(step, Request)]


def sleeps(steps: list[Step]) -> list[float]:
    return [step.seconds for step in steps if isinstance(step, Sleep)]


def reply(status: int, body: bytes = b"{}", **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def test_a_request_says_where_who_and_what() -> None:
    _, (request,) = sent(runs.create({"n": 1}, job="j"), reply(201, RUN))

    assert isinstance(request, Request)
    assert (request.method, request.url) == ("POST", "http://yard.test/runyard/v1/runs")
    assert request.body == b'{"payload":{"n":1},"job":"j"}'
    assert request.headers["Authorization"] == "Bearer ry_secret"
    assert request.headers["X-Runyard-Project"] == "acme"
    assert request.headers["Content-Type"] == "application/json"


def test_every_try_of_an_unsafe_call_carries_the_same_idempotency_key() -> None:
    run, steps = sent(runs.create(), Unreachable(retryable=True), reply(503), reply(201, RUN))

    keys = {request.headers["Idempotency-Key"] for request in requests(steps)}
    assert run.id == "a"
    assert len(requests(steps)) == 3
    assert len(keys) == 1
    assert keys != {requests(sent(runs.create(), reply(201, RUN))[1])[0].headers["Idempotency-Key"]}


@pytest.mark.parametrize(
    "call", [runs.read("a"), leases.complete([]).into(models.Run), leases.claim().into(models.Run)], ids=str
)
def test_reads_and_reports_under_a_lease_need_no_idempotency_key(call: Call[models.Run]) -> None:
    script = exchange(call, SERVER, PATIENCE)

    request = next(script)

    assert isinstance(request, Request)
    assert "Idempotency-Key" not in request.headers
    assert isinstance(script.send(reply(503)), Sleep)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_tried_again_with_growing_jitter(status: int) -> None:
    _, steps = sent(runs.read("a"), reply(status), reply(status), reply(status), reply(200, RUN))

    assert sleeps(steps) == [0.1, 0.2, 0.4]


def test_retry_after_is_honoured() -> None:
    _, steps = sent(runs.read("a"), reply(429, retry_after="4"), reply(200, RUN))

    assert 4.0 <= sleeps(steps)[0] <= 5.0


def test_a_retry_after_too_far_away_is_left_to_the_caller() -> None:
    with pytest.raises(RateLimited) as caught:
        sent(runs.read("a"), reply(429, retry_after="3600"))

    assert caught.value.retry_after == 3600


def test_a_refusal_is_not_tried_again() -> None:
    with pytest.raises(Conflict):
        sent(runs.cancel("a"), reply(409, b'{"code":"illegal_move","detail":"It ended."}'))


def test_it_gives_up_after_so_many_tries() -> None:
    with pytest.raises(Unavailable):
        sent(runs.read("a"), *[reply(503)] * 4)


def test_a_server_in_the_middle_of_the_first_try_is_asked_again() -> None:
    busy = reply(409, b'{"code":"conflict","detail":"Still being worked on.","retryable":true,"retry_after":1}')

    run, steps = sent(runs.create(), busy, reply(201, RUN))

    assert run.id == "a"
    assert len(sleeps(steps)) == 1


def test_an_answer_of_another_shape_is_an_error_of_its_own() -> None:
    with pytest.raises(BadReply, match="unknown shape"):
        sent(runs.read("a"), reply(200, b"<html>"))


def test_waiting_asks_less_and_less_often_until_the_run_rests() -> None:
    clock = iter([0.0, 0.0, 1.0, 30.0])
    script = until_settled(runs.read("a"), SERVER, PATIENCE, timeout=None, clock=lambda: next(clock))

    run, steps = played(script, [reply(200, RUN), reply(200, RUN), reply(200, RUN), reply(200, DONE)])

    assert run.state == "completed"
    assert sleeps(steps) == [0.05, 0.1, 1.0]


@pytest.mark.parametrize("state", ["dead_letter", "needs_attention"])
def test_waiting_ends_where_a_person_is_needed(state: str) -> None:
    script = until_settled(runs.read("a"), SERVER, PATIENCE, timeout=None, clock=lambda: 0.0)

    run, _ = played(script, [reply(200, b'{"id":"a","state":"%s"}' % state.encode())])

    assert run.needs_a_person


def test_waiting_ends_when_the_time_is_up() -> None:
    clock = iter([0.0, 0.0, 2.0])
    script = until_settled(runs.read("a"), SERVER, PATIENCE, timeout=2.0, clock=lambda: next(clock))

    with pytest.raises(WaitTimeout, match="queued") as caught:
        played(script, [reply(200, RUN)] * 2)

    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value, RunyardError)


def test_a_server_never_shows_its_key() -> None:
    assert "ry_secret" not in repr(SERVER)
