"""The chain of filters that each incoming message passes, and the filters."""
