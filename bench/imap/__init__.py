"""mailhost against Dovecot on the same machine, disk and IMAP sessions: `python -m bench.imap`."""
