"""Sends a test message and follows it to where it ends."""
