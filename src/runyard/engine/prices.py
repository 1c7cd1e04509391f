"""What tokens cost, by the price list that comes with the release. Nothing is ever fetched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any

import msgspec

from runyard.domain.records import Json

_MICRO = Decimal(1_000_000)


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one or more model calls.

    Cached tokens are part of the input and reasoning tokens part of the output, as OpenTelemetry counts them; where
    the parts are more than the whole, the whole was counted without them.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0

    @property
    def all_input(self) -> int:
        """The input with its cached part."""
        cached = self.cache_read + self.cache_write
        return self.input if cached <= self.input else self.input + cached

    @property
    def all_output(self) -> int:
        """The output with its reasoning part."""
        return self.output if self.reasoning <= self.output else self.output + self.reasoning


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """A cost, and the price it was reckoned by."""

    cost_micro_usd: int
    price: Json


def reckon(provider: str | None, model: str, tokens: Tokens, now: int) -> Priced | None:
    """The cost by the list's prices of that time, or None when the list does not know the model."""
    found = _lookup(provider, model)
    if found is None:
        return None
    from genai_prices import Usage

    try:
        sums = found[1].calc_price(
            Usage(
                input_tokens=tokens.all_input,
                output_tokens=tokens.all_output,
                cache_read_tokens=tokens.cache_read,
                cache_write_tokens=tokens.cache_write,
                output_reasoning_tokens=tokens.reasoning,
            ),
            found[0],
            genai_request_timestamp=datetime.fromtimestamp(now / 1e6, UTC),
            auto_update_timestamp=None,
        )
    except (LookupError, ValueError):  # a model whose prices do not cover these tokens
        return None
    cost = int((sums.total_price * _MICRO).to_integral_value(ROUND_HALF_UP))
    price = {
        "list": _list_name(),
        "provider": found[0].id,
        "model": found[1].id,
        "usd": _stated(vars(sums.model_price)),
    }
    return Priced(cost_micro_usd=cost, price=msgspec.json.encode(price).decode())


@lru_cache(maxsize=1024)
def _lookup(provider: str | None, model: str) -> tuple[Any, Any] | None:
    """The list's provider and model. The list keeps every name it is ever asked for, so each search has its own."""
    from genai_prices.data import providers
    from genai_prices.data_snapshot import DataSnapshot

    prices = DataSnapshot(providers=providers, from_auto_update=False)
    for wanted in (provider.lower(), None) if provider else (None,):
        try:
            return prices.find_provider_model(model, None, wanted, None)
        except LookupError:
            continue
    return None


@cache
def _list_name() -> str:
    return f"genai-prices {version('genai-prices')}"


def _stated(prices: Mapping[str, Any]) -> dict[str, Any]:
    """The prices that are given: dollars for a million tokens, or as the name says."""
    return {name: value for name, value in prices.items() if value is not None and not name.startswith("_")}
