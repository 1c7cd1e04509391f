"""Rules of webhooks that need no database: events, secrets, and when a message is tried again."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook as Receiver

from runyard.domain.errors import Invalid
from runyard.domain.webhooks import DELAYS, HOUR, LONGEST_DELAY, SECOND, Event, accepted, key_of, next_try, written
from runyard.outbound.signatures import identified


def test_events_are_kept_once_and_in_one_order():
    assert accepted(["run.failed", "agent.failed", "run.failed"]) == ("agent.failed", "run.failed")
    assert accepted(["agent.failed", "*"]) == ("*",)


@pytest.mark.parametrize("events", [["run.exploded"], [], ["agent.*"]])
def test_an_unknown_event_is_refused_with_those_that_there_are(events):
    with pytest.raises(Invalid) as refused:
        accepted(events)
    assert all(event.value in refused.value.detail for event in Event)


@pytest.mark.parametrize("size", [24, 64])
def test_a_secret_may_be_given_with_its_prefix_or_without(size):
    key = bytes(range(size))
    assert key_of(written(key)) == key_of(base64.b64encode(key).decode()) == key


@pytest.mark.parametrize("size", [0, 23, 65])
def test_a_secret_that_is_too_short_or_too_long_is_refused(size):
    with pytest.raises(Invalid, match="24 to 64 bytes in Base64"):
        key_of(written(b"x" * size))


@pytest.mark.parametrize("secret", ["", "whsec_", "my secret", "whsec_é", "whsec_c2hvcnQ", "whsec_a-_a"])
def test_what_is_no_base64_is_no_secret(secret):
    with pytest.raises(Invalid):
        key_of(secret)


def test_a_message_is_tried_ten_times_in_some_three_days():
    waits = [next_try(tries, 0.5) for tries in range(1, 12)]
    assert waits == [*DELAYS, None, None]
    assert [delay // SECOND for delay in DELAYS[:3]] == [5, 300, 1800]
    assert 75 * HOUR < sum(DELAYS) < 77 * HOUR


def test_tries_are_spread_by_a_tenth_either_way():
    assert (next_try(2, 0.0), next_try(2, 1.0)) == (270 * SECOND, 330 * SECOND)


def test_a_receiver_may_ask_for_a_longer_wait_but_not_for_ever():
    assert next_try(1, 0.5, 60 * SECOND) == 60 * SECOND
    assert next_try(3, 0.5, 60 * SECOND) == DELAYS[2]
    assert next_try(1, 0.5, 400 * HOUR) == LONGEST_DELAY


def test_signatures_are_those_of_the_published_library():
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    headers = dict(identified([key_of(secret)], "msg_p5jXN8AQM9LWM0D4loKWxJek", body, 1614265330))
    # The example of the specification's libraries.
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    at = datetime.fromtimestamp(1614265330, UTC)
    said = Receiver(secret).sign(msg_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=at, data=body.decode())
    assert headers["webhook-signature"] == said


def test_each_key_signs_for_itself():
    keys = [b"a" * 24, b"b" * 24]
    together = dict(identified(keys, "evt_1", b"{}", 1))["webhook-signature"].split(" ")
    assert together == [dict(identified([key], "evt_1", b"{}", 1))["webhook-signature"] for key in keys]
