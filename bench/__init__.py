"""mailhost against Postfix on the same machine, disk and work: `make bench`."""
