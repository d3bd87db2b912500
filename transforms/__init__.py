"""Pure transforms, DataFrame to DataFrame, and the documents made of rows.

Belongs here: what the logs mean. Does not: reading, writing, the clock, the environment, or logging. What a transform needs
comes as an argument.
"""
