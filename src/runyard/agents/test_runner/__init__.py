"""The built-in test runner: a repository in, the tests that fail out."""
