"""Tests of reports about TLS between hosts."""
