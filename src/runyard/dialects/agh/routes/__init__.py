"""The operations of the dialect."""
