"""Wake-ups after a commit, and event streams that resume by sequence number."""
