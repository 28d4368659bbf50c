"""Sender authentication of mail from strangers, as a filter of the chain.

`collect` asks DNS and gives the evidence, `policy` decides on it without I/O, `results` writes the
Authentication-Results field, and `filter` connects them.
"""
