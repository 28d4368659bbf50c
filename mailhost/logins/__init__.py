"""Logins: stored secrets, verifying passwords, and counting failed logins."""
