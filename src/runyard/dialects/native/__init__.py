"""The native API at `/runyard/v1`."""
