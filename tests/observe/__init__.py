"""Tests of mailhost.observe."""
