"""`runyard tasks …`."""
