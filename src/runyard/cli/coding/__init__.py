"""`runyard coding …`."""
