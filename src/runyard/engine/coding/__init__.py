"""Coding: tasks that change a repository, the sandboxes their runs have, and what those tell."""
