"""Tests of mailhost.relay."""
