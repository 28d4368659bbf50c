"""Examines a mail server from outside, as mail programs and other servers see it."""
