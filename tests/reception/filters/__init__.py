"""Tests of the chain of filters, and of filters."""
