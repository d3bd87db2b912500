"""Everything that touches the world: sources, the lake, Dagster, reports and the command line.

Belongs here: reading, writing, scheduling, settings. Does not: any decision about what a row means.
"""
