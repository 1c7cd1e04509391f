"""An executor: claims runs in batches, works on them, reports in batches.

`worker` is what users see. `session` is one stretch of work from start to drain; it owns the event loop, on which
everything here happens, except that handlers that are plain functions run in `threads`.
"""
