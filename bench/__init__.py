"""Benchmarks anyone can run: `make bench` measures Runyard, `make bench-peers` measures others beside it."""
