"""Decides for the SMTP session which senders and recipients are accepted, and takes the message."""
