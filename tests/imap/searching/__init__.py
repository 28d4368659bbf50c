"""Tests of mailhost.imap.searching."""
