"""Filters: the chain that every message passes on its way in, and what may stand in it."""
