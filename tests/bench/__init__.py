"""The measurements: what in them is more than a call of a program."""
