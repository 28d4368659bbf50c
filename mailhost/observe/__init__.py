"""Events turned into log lines and counts."""
