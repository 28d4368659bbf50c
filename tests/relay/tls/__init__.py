"""Tetls of mailhost.relay.sts."""
