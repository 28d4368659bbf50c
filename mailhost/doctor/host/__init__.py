"""Checks of this host: its settings, listeners, name, certificates, data folder and queue."""
