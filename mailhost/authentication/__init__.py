"""Passwords: how they are kept, who may log in with them, and how guessing is slowed."""
