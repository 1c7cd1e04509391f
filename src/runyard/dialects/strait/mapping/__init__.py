"""Between the wire and the engine: pure functions, both ways."""
