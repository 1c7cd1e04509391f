"""Operations of the dialect, one module a group."""
