"""Tests of mailhost.pop3."""
