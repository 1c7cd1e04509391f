"""The operations, grouped as the contract groups them."""
