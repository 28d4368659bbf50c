"""Draws findings from what probes saw. All functions are without I/O."""
