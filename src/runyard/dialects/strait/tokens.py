"""Run tokens under the name by which the dialect knows them."""

from runyard.web.run_tokens import ISSUER, SPARE, Claims, RunTokens

__all__ = ["ISSUER", "SPARE", "Claims", "RunTokens"]
