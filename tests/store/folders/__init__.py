"""Tests of store/folders."""
