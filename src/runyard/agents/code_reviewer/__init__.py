"""The built-in code reviewer: a git repository in, a report of findings out."""
