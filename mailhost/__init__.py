"""A Twisted host for the mail of several domains."""

__version__ = "0.2.0.dev0"
