"""Tests of mailhost.signing."""
