"""HTTP plumbing shared by all dialects: calls, keys, errors, bodies, paging, documents."""
