"""Tests of the chain of filters and what may stand in it."""
