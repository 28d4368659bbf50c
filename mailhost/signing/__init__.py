"""DKIM keys of the domains that sign here, and the step that signs mail in our name (RFC 6376).

- `key_files` keeps the keys of each domain below the data folder, `key_ring` in memory.
- `rules` says by which domain a message is signed, and by which kinds of keys.
- `step` signs a message when it leaves.
- `key_work` makes, replaces and retires keys; `keeper` does so in the head without a person.
"""
