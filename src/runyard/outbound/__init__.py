"""Requests to addresses that callers name: guarded, bounded, pooled, timed."""
