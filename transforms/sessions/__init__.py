"""Credential sessions: their identity, what each was issued by, and the root that it leads back to."""
