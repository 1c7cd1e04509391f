"""The server inside a sandbox: drives any agent that speaks ACP, and knows the control plane by HTTP alone."""
