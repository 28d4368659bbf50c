"""Tests of mailhost.certificates."""
