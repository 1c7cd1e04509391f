"""Prices from the list that comes with the release."""

from __future__ import annotations

import socket

import msgspec
import pytest

from runyard.engine import prices
from runyard.engine.prices import Tokens

NOW = 1_790_000_000_000_000


def test_a_known_model_is_priced_in_whole_micro_dollars():
    priced = prices.reckon("anthropic", "claude-sonnet-4-5", Tokens(input=1000, output=500), NOW)
    assert priced is not None
    assert priced.cost_micro_usd == 1000 * 3 + 500 * 15


def test_the_price_says_where_it_comes_from():
    priced = prices.reckon("anthropic", "claude-sonnet-4-5", Tokens(input=1), NOW)
    assert priced is not None
    price = msgspec.json.decode(priced.price)
    assert price["list"].startswith("genai-prices ")
    assert (price["provider"], price["model"]) == ("anthropic", "claude-sonnet-4-5")
    assert price["usd"]["output_mtok"]["base"] == "15"


def test_cached_input_is_cheaper_and_part_of_the_input():
    whole = prices.reckon(None, "claude-sonnet-4-5", Tokens(input=1000), NOW)
    cached = prices.reckon(None, "claude-sonnet-4-5", Tokens(input=1000, cache_read=1000), NOW)
    assert whole is not None
    assert cached is not None
    assert cached.cost_micro_usd == whole.cost_micro_usd // 10


def test_parts_that_exceed_the_whole_are_added_to_it():
    assert Tokens(input=10, cache_read=100).all_input == 110
    assert Tokens(input=100, cache_read=10).all_input == 100
    assert Tokens(output=10, reasoning=100).all_output == 110
    priced = prices.reckon(None, "claude-sonnet-4-5", Tokens(input=1000, cache_read=2000), NOW)
    assert priced is not None
    assert priced.cost_micro_usd == 1000 * 3 + 600


def test_a_provider_the_list_does_not_know_does_not_hide_the_model():
    assert prices.reckon("my-gateway", "gpt-4o", Tokens(input=1), NOW) is not None


@pytest.mark.parametrize("model", ["no such model", "", "\u2603" * 128, "(((", "x" * 128])
def test_an_unknown_model_has_no_price(model):
    assert prices.reckon(None, model, Tokens(input=1), NOW) is None


def test_pricing_never_opens_a_connection(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a connection was opened")

    prices._lookup.cache_clear()
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert prices.reckon("openai", "gpt-4o-mini", Tokens(input=10**6), NOW) is not None
    assert prices.reckon("openai", "unheard-of", Tokens(input=10**6), NOW) is None
