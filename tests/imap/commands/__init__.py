"""Tests of mailhost.imap.commands."""
