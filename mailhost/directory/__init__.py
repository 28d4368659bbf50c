"""Domains, accounts and aliases: the settings file, the SQLite database, and the union of both."""
