"""When a failed attempt is tried again, and in which order runs are claimed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runyard.domain.policy import HOUR, SECOND, Bury, Failure, Policy, Retry, after_failure, claim_rank, delay_after

STEADY = 0.5
"""Dice that leave a delay as it is."""


def delays(policy: Policy, attempts: int) -> list[float]:
    return [delay_after(policy, attempt, STEADY) / SECOND for attempt in range(1, attempts + 1)]


def test_exponential_delays_double_up_to_the_longest():
    assert delays(Policy(max_delay=10 * SECOND), 6) == [1, 2, 4, 8, 10, 10]


def test_linear_delays_grow_by_the_first():
    assert delays(Policy(backoff="linear", initial_delay=3 * SECOND), 4) == [3, 6, 9, 12]


def test_fixed_delays_stay():
    assert delays(Policy(backoff="fixed", initial_delay=7 * SECOND), 3) == [7, 7, 7]


def test_custom_delays_follow_the_list_and_repeat_its_last():
    policy = Policy(backoff="custom", delays=(5 * SECOND, 2 * SECOND, 9 * SECOND))
    assert delays(policy, 5) == [5, 2, 9, 9, 9]


def test_custom_delays_without_a_list_double():
    assert delays(Policy(backoff="custom"), 3) == [1, 2, 4]


def test_no_delay_is_shorter_than_the_shortest():
    assert delays(Policy(min_delay=3 * SECOND), 4) == [3, 3, 4, 8]


def test_a_late_attempt_does_not_overflow():
    assert delay_after(Policy(max_delay=HOUR), 10_000, STEADY) == HOUR


@given(
    attempt=st.integers(1, 100),
    dice=st.floats(0, 1, exclude_max=True),
    jitter=st.floats(0, 1),
    backoff=st.sampled_from(["exponential", "linear", "fixed"]),
)
def test_jitter_moves_a_delay_by_no_more_than_its_share(attempt: int, dice: float, jitter: float, backoff: str):
    exact = delay_after(Policy(backoff=backoff, jitter=0), attempt, dice)  # type: ignore[arg-type]
    spread = delay_after(Policy(backoff=backoff, jitter=jitter), attempt, dice)  # type: ignore[arg-type]
    assert exact * (1 - jitter) - 1 <= spread <= exact * (1 + jitter) + 1
    assert spread >= 0


def test_jitter_uses_the_whole_of_its_share():
    policy = Policy(jitter=0.2, initial_delay=10 * SECOND)
    assert delay_after(policy, 1, 0.0) == 8 * SECOND
    assert delay_after(policy, 1, 1.0) == 12 * SECOND


def decide(policy: Policy, attempt: int = 1, *, retry_after: int | None = None, **failure: object) -> Retry | Bury:
    return after_failure(
        policy,
        Failure(message="broke", **failure),  # type: ignore[arg-type]
        attempt=attempt,
        now=100,
        dice=STEADY,
        retry_after=retry_after,
    )


def test_a_failure_is_retried_until_the_attempts_are_used_up():
    policy = Policy(max_attempts=3)
    assert decide(policy, 1) == Retry(at=100 + SECOND)
    assert decide(policy, 2) == Retry(at=100 + 2 * SECOND)
    assert decide(policy, 3) == Bury(reason="attempts exhausted")


def test_one_attempt_means_no_retry():
    assert isinstance(decide(Policy(max_attempts=1)), Bury)


def test_errors_of_a_non_retryable_class_are_not_retried():
    policy = Policy(non_retryable=("bad_input",))
    buried = decide(policy, kind="bad_input")
    assert isinstance(buried, Bury)
    assert "bad_input" in buried.reason
    assert isinstance(decide(policy, kind="network"), Retry)


def test_the_executor_has_the_last_word_on_whether_an_error_can_be_retried():
    assert isinstance(decide(Policy(), retryable=False), Bury)
    assert isinstance(decide(Policy(non_retryable=("bad_input",)), kind="bad_input", retryable=True), Retry)


def test_an_executor_cannot_ask_for_more_attempts_than_there_are():
    assert isinstance(decide(Policy(max_attempts=1), retryable=True), Bury)


@pytest.mark.parametrize("retry_after", [0, 5 * SECOND])
def test_an_executor_may_say_when_to_try_again(retry_after: int):
    assert decide(Policy(), retry_after=retry_after) == Retry(at=100 + retry_after)


@given(st.integers(0, 10), st.integers(0, 10), st.integers(0, 2**50), st.integers(0, 2**50))
def test_without_ageing_priority_goes_before_time(high: int, low: int, first: int, second: int):
    ranks = (claim_rank(high, first, ageing=False), claim_rank(low, second, ageing=False))
    assert (ranks[0] < ranks[1]) == ((-high, first) < (-low, second))
    assert max(ranks) < 2**63


def test_with_ageing_an_hour_of_waiting_is_worth_one_point():
    waited = claim_rank(3, 1_000, ageing=True)
    assert claim_rank(4, 1_000 + HOUR - 1, ageing=True) < waited
    assert claim_rank(4, 1_000 + HOUR + 1, ageing=True) > waited
