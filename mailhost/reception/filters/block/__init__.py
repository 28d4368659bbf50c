"""Filters that refuse mail: lists, greylisting, rates, sizes, attachments, expressions."""
