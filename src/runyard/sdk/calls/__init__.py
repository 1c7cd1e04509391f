"""The requests of the API, one noun a module: plain functions from arguments to a `Call`."""
