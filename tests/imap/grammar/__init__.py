"""Tests of mailhost.imap.grammar."""
