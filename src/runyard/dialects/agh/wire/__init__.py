"""The shapes of the dialect, as its contract has them."""
