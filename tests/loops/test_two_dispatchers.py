"""Two servers dispatch from one database."""

from __future__ import annotations

from collections import Counter

from runyard.domain.policy import Policy
from runyard.domain.states import RunState
from runyard.storage.postgres import PostgresStore
from tests.support.endpoints import Endpoint, Say
from tests.support.sending import Post, http_job, settled
from tests.support.stores import Clock
from tests.support.yard import Yard


def test_every_run_is_posted_once_by_one_of_two_servers(
    two_servers: tuple[PostgresStore, PostgresStore], clock: Clock, endpoint: Endpoint
):
    first, second = two_servers
    yard = Yard(first, clock)
    http_job(yard, endpoint)
    runs = yard.create_many(100, job="job")
    posts = [Post(first, concurrency=8), Post(second, concurrency=8)]
    try:
        for run in runs:
            assert settled(yard, run).state is RunState.COMPLETED
    finally:
        for post in posts:
            post.stop()
    sent = Counter(heard.headers["x-run-id"] for heard in endpoint.heard)
    assert sent == Counter(run.id for run in runs)
    yard.check()


def test_a_circuit_that_one_server_opened_is_open_for_the_other(
    two_servers: tuple[PostgresStore, PostgresStore], clock: Clock, endpoint: Endpoint
):
    first, second = two_servers
    yard = Yard(first, clock)
    endpoint.behave = lambda heard: Say(status=500)
    http_job(yard, endpoint, policy=Policy(max_attempts=1))
    post = Post(first)
    for _ in range(5):
        assert settled(yard, yard.create(job="job")).state is RunState.DEAD_LETTER
    post.stop()
    other = Post(second)
    run = yard.create(job="job")
    endpoint.until(lambda: yard.run(run).hold == "retry")
    assert len(endpoint.heard) == 5
    other.stop()
