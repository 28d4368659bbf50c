"""Notices client addresses that are lost: strangers that all arrive from one inner address."""
