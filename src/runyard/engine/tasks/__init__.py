"""Tasks over the run engine: what is intended, who may do it, and what became of it.

`desk` locks tasks and writes what follows from a change; `queueing` makes runs of tasks; `following` brings a task up
to date when one of its runs moves; `timeline` writes down what happened. Everything else is an operation of its own.
"""
