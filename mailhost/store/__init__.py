"""The mailboxes: a Maildir++ for each account. The files are the only record; counts in memory are
copies."""
