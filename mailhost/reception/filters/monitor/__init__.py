"""Filters that watch: journals, events."""
