"""Filters that find unwanted mail: lists, greylisting, rates, sizes, attachments, expressions."""
