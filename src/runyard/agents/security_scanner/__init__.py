"""The built-in security scanner: a repository in, insecure code, secrets and unsafe settings out."""
