"""Servers that do the least that a durable delivery needs: how fast mailhost could be at most."""
