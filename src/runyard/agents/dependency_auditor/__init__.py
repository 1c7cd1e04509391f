"""The built-in dependency auditor: what a repository depends on, and what is known to be wrong with it."""
