"""The benchmark: a clean node and its own load generator on one machine, beside the machine's ceilings.

`python -m tests.bench --help`; `docs/adr/0005-where-the-time-goes.md` says how to read the figures.
"""
