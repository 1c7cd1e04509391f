"""`runyard runs …`."""
