"""Tests of mailhost.relay.sts."""
