"""Other systems, each draining the same jobs from the same PostgreSQL with two worker processes of its own."""
