"""Tests of mailhost.dane."""
