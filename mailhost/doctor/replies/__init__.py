"""Explains the replies of SMTP servers: codes, and the texts of large receivers."""
