"""Built-in agents: workers like any other, over the SDK."""
