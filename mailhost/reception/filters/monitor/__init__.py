"""Filters that watch: journals, events, counters."""
