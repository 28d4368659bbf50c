"""Explains the replies of SMTP servers: codes, and the words of large receivers."""
