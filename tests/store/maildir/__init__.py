"""Tests of the Maildir++ format."""
