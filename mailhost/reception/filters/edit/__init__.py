"""Filters that change mail: header fields, subjects, disclaimers, attachments, envelopes."""
