"""Tests of what reports of all kinds share."""
