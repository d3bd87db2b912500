"""What must be true of every table: contracts, and the Great Expectations suites made from them.

Belongs here: names, types, comments, keys and rules, as data. Does not: reading, writing, Dagster, or how a row is made.
"""
