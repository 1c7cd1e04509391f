"""Shared SQL, one module a noun: text with named parameters and the functions that turn rows into records."""
