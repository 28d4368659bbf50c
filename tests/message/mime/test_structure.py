"""The tree of parts: where they lie, in good messages and in broken ones."""
