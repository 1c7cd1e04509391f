"""Between the engine's records and the dialect's shapes. Pure."""
