"""HTTP dialects: each translates one system's words to the engine's and decides nothing."""
