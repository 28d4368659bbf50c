"""IMAP: the session of a client, and the grammar that it reads and writes."""
