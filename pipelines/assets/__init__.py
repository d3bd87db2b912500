"""Thin assets: read what changed, call one transform, hand the candidate over. One module per stage."""
