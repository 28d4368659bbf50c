"""Tests of mailhost.net.tls."""
