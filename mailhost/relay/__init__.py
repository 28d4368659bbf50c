"""Delivery to other hosts: where to, over which connection, and what came of it."""
