"""Tests of mailhost.milter."""
