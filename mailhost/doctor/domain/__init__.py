"""Checks of a domain: what DNS and its web servers say about its mail."""
