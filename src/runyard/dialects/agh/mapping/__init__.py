"""Pure translation between the engine and the wire."""
