"""The peer: what somebody would write with DuckDB over the same objects, as fast as we know how, with the duties of the job.

Tokens removed, rejects kept, events as zstd Parquet by day, sessions by access key and by echo, the closure to the root, rollups.
What it does not do: other issuing calls than `AssumeRole*`, ambiguity, late repair, coverage, baselines, findings.
"""
