"""DKIM (RFC 6376, 8301, 8463) without I/O: signatures made and verified, keys and their records.

The work of a verification has three parts, so that each can run where it belongs:

1. `signature.read_signatures` reads the DKIM-Signature fields of a header section.
2. `body.BodyHashes` hashes the body block by block; for a large message that is done in a thread.
3. `verify.verify` asks for the keys and gives a result for each signature.
"""
