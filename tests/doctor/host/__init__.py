"""Checks of this host: each fault gives its finding, and no other."""
