"""Domains, accounts and aliases: from the settings file, from SQLite, the union of both."""
