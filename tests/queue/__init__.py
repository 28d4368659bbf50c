"""Tests of mailhost.queue."""
