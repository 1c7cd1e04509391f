"""The command line: one module per noun, over the SDK; `serve` and `up` build the server."""
