"""Tests of mailhost.message."""
