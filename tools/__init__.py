"""Programs that the make targets use."""
