"""Filters that observe mail: journals, events."""
