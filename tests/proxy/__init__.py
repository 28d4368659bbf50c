"""Tests of the SMTP proxy."""
