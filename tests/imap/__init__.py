"""Tests of mailhost.imap."""
