"""Tests of store/cache."""
