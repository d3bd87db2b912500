"""The calls that issue credentials, each in the shape in which its service logs it (SEMANTICS §2, §3).

Unlike `benchmarks.organisation.issuing` these say which copies reach the logs and when, and what a response leaves out.
"""
