"""Checks that strangers cannot abuse a mail server: open relays, smuggled messages, passwords in
the clear."""
