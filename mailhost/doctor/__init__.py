"""Finds out why mail does not flow, and says so in words that help."""
