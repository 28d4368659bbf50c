"""Delivery into the mailboxes of this host."""
