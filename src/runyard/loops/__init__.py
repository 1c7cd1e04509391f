"""Server loops: thin passes over engine operations, bounded, idempotent, safe to run in several servers at once."""
