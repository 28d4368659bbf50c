"""Filters that keep mail out: lists, greylisting, rates, sizes, attachments, expressions."""
