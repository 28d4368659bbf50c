"""Tests of aggregate reports of DMARC."""
