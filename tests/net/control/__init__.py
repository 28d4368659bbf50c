"""Tests of mailhost.net.control."""
