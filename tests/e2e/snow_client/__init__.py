"""How the published client of BambooSnow is tried, method by method."""
