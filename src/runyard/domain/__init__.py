"""States, records, policy and errors: pure code over the standard library and msgspec."""
