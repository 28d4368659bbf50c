"""Tests, run with trial; the folders mirror mailhost/."""
