"""Filters that edit mail: header fields, subjects, disclaimers, attachments, envelopes."""
